package app_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"envoyd/internal/app"
	"envoyd/internal/config"
	"envoyd/internal/entrez"
	"envoyd/internal/fault"
	"envoyd/internal/secret"
)

// Who has just typed a login is told what to do himself: the command tries
// nothing again, and has no account in the configuration.
func TestAFailedLoginSaysWhatToDoAtTheKeyboard(t *testing.T) {
	answering := func(status int) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		t.Cleanup(server.Close)
		return server.URL
	}
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = dead.Close() // now nobody listens there
	for name, c := range map[string]struct {
		service string
		want    error
		mend    []string
	}{
		"no internet":       {"http://" + dead.Addr().String(), entrez.ErrUnreachable, []string{"internet connection", "token login again", "https://entrez", "token set"}},
		"a broken service":  {answering(503), entrez.ErrUpstream, []string{"token login again", "https://entrez", "token set"}},
		"a wrong password":  {answering(401), entrez.ErrBadCredentials, []string{"token login again", "locks"}},
		"too many attempts": {answering(429), entrez.ErrThrottled, []string{"quarter of an hour", "token set"}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, err := config.Parse("test", fmt.Appendf(nil, "endpoints: {entrez: %q, enlighten: %q}", c.service, c.service))
			if err != nil {
				t.Fatal(err)
			}
			_, err = app.Login(t.Context(), cfg, slog.New(slog.DiscardHandler), app.Credentials{
				Serial: "122000000001", Email: "jane@example.org", Password: secret.New("correct horse"),
			})
			mend := fault.Mend(err)
			if !errors.Is(err, c.want) || strings.Contains(mend, "tries again") || strings.Contains(mend, "account.username") {
				t.Errorf("error %v, mend %q", err, mend)
			}
			for _, part := range c.mend {
				if !strings.Contains(mend, part) {
					t.Errorf("mend %q does not say %q", mend, part)
				}
			}
		})
	}
}
