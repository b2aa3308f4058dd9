package grant_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"envoyd/internal/cloud/grant"
	"envoyd/internal/fault"
	"envoyd/internal/secret"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestTheConsentAddressHasStateAndRedirect(t *testing.T) {
	k := newBench(t).keeper(t, nil)
	u, err := url.Parse(k.AuthorizeURL(k.DefaultRedirect(), "s&1"))
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	if u.Host != "api.example" || u.Path != "/oauth/authorize" || q.Get("response_type") != "code" || q.Get("client_id") != clientID ||
		q.Get("state") != "s&1" || q.Get("redirect_uri") != "https://api.example/oauth/redirect_uri" || strings.Contains(u.String(), clientSecret) {
		t.Errorf("address %s", u)
	}
}

func TestAnOfferIsNotAGrantUntilItIsKept(t *testing.T) {
	b := newBench(t)
	k := b.keeper(t, nil)
	o, err := k.Exchange(t.Context(), "abc123", "http://localhost/cb")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Token(t.Context()); !errors.Is(err, grant.ErrNoGrant) || fault.KindOf(err) != fault.Auth {
		t.Errorf("before: %v", err)
	}
	if err := k.Keep(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if got := token(t, b.keeper(t, nil)); got != "access-1" { // after a restart
		t.Errorf("token %s", got)
	}
	info, err := os.Stat(b.path())
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("file %v %v", info, err)
	}
}

func TestAnInstallerLogsIn(t *testing.T) {
	b := newBench(t)
	k := b.keeper(t, func(c *grant.Config) { c.App = grant.Partner })
	o, err := k.Login(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if o.Access().Reveal() != "access-1" {
		t.Error("no access token")
	}
	wrong := b.keeper(t, func(c *grant.Config) { c.Password = secret.New("wrong-pass") })
	if _, err := wrong.Login(t.Context()); !errors.Is(err, grant.ErrBadLogin) || fault.KindOf(err) != fault.Auth {
		t.Errorf("wrong password: %v", err)
	}
}

func TestEachRefusalIsSaidPlainly(t *testing.T) {
	answer := func(status int, body string) func(b *bench) {
		return func(b *bench) {
			b.answer = func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(status)
				_, _ = io.WriteString(w, body)
			}
		}
	}
	for name, c := range map[string]struct {
		prepare func(*bench)
		code    string
		secret  string
		kind    fault.Kind
		want    error
		mend    string
	}{
		"wrong code":         {nil, "nope", clientSecret, fault.Auth, grant.ErrBadCode, "paste the new code"},
		"wrong secret":       {nil, "abc123", "bad-secret", fault.Config, grant.ErrBadClient, "client_secret_file"},
		"401 without a body": {answer(401, ""), "abc123", clientSecret, fault.Config, grant.ErrBadClient, "client_id"},
		"400 with HTML":      {answer(400, "<html>secret-echo</html>"), "abc123", clientSecret, fault.Auth, grant.ErrBadCode, ""},
		"404":                {answer(404, "{}"), "abc123", clientSecret, fault.Config, grant.ErrBadRequest, ""},
		"500":                {answer(500, `{"message":"secret-echo"}`), "abc123", clientSecret, fault.Transient, grant.ErrUpstream, "tries again"},
		"429":                {answer(429, `{}`), "abc123", clientSecret, fault.Transient, grant.ErrUpstream, ""},
		"200 with HTML":      {answer(200, "<html>secret-echo</html>"), "abc123", clientSecret, fault.Transient, grant.ErrUpstream, ""},
		"200 with an error":  {answer(200, `{"error":"secret-echo"}`), "abc123", clientSecret, fault.Transient, grant.ErrUpstream, ""},
		"200 without token":  {answer(200, `{"token_type":"secret-echo"}`), "abc123", clientSecret, fault.Transient, grant.ErrUpstream, ""},
		"redirect":           {answer(302, ""), "abc123", clientSecret, fault.Transient, grant.ErrUpstream, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			if c.prepare != nil {
				c.prepare(b)
			}
			k := b.keeper(t, func(cfg *grant.Config) { cfg.ClientSecret = secret.New(c.secret) })
			_, err := k.Exchange(t.Context(), c.code, "http://localhost/cb")
			if !errors.Is(err, c.want) || fault.KindOf(err) != c.kind || !strings.Contains(fault.Mend(err), c.mend) || fault.Mend(err) == "" {
				t.Errorf("got %v (%v, mend %q)", err, fault.KindOf(err), fault.Mend(err))
			}
			noSecrets(t, err, "secret-echo", c.secret, "access-", "refresh-", "abc123")
			if n := b.count(); n != 1 {
				t.Errorf("%d calls", n)
			}
		})
	}
}

func noSecrets(t *testing.T, err error, secrets ...string) {
	t.Helper()
	for _, s := range secrets {
		if text := fmt.Sprintf("%v %+v %s", err, err, fault.Mend(err)); strings.Contains(text, s) {
			t.Errorf("%q is in %q", s, text)
		}
	}
}

func TestWhatTheBrowserBringsBack(t *testing.T) {
	for query, want := range map[string]error{
		"code=abc&state=x":                      nil,
		"error=access_denied&state=x":           grant.ErrDenied,
		"error=unauthorized_client&state=x":     grant.ErrBadClient,
		"error=temporarily_unavailable&state=x": grant.ErrUpstream,
	} {
		q, _ := url.ParseQuery(query)
		code, state, err := grant.Redirect(q)
		if !errors.Is(err, want) || state != "x" || (want == nil) != (code == "abc") {
			t.Errorf("%s: %q %q %v", query, code, state, err)
		}
	}
	for _, query := range []string{"", "error=invalid_scope", "error=invalid_request", "error=%3Cscript%3E"} {
		q, _ := url.ParseQuery(query)
		_, _, err := grant.Redirect(q)
		if err == nil || fault.Mend(err) == "" || strings.Contains(err.Error(), "script") {
			t.Errorf("%s: %v", query, err)
		}
	}
}
