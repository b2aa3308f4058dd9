package enlighten_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"envoyd/internal/cloud/enlighten"
	"envoyd/internal/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	serial = "122333444555"
	key    = "api-key-5512"
	pass   = "client-secret-9f3" //nolint:gosec // of the double
)

// api is a double of the vendor: answers by path, a token endpoint, a record
// of what was asked.
type api struct {
	mu      sync.Mutex
	answers map[string]http.HandlerFunc // by path below /api/v4/systems
	asked   []string                    // path?query of each data call
	access  int                         // number of the access token that is taken
	dir     string
}

func newAPI(t *testing.T) *api {
	a := &api{answers: map[string]http.HandlerFunc{}, dir: t.TempDir()}
	a.say("", 200, `{"total":1,"systems":[{"system_id":77,"name":"Home","timezone":"Europe/Berlin"}]}`)
	a.say("/77/devices", 200, devices("production", "Net", true))
	return a
}

// devices is a home with the meters named; config "" means no consumption CT.
func devices(production, config string, battery bool) string {
	var meters []string
	if production != "" {
		meters = append(meters, `{"name":"production","config_type":"Production","active":true}`)
	}
	if config != "" {
		meters = append(meters, fmt.Sprintf(`{"name":"consumption","config_type":%q,"active":true}`, config))
	}
	encharges := ""
	if battery {
		encharges = `,"encharges":[{"serial_number":"122300000001","active":true}]`
	}
	return fmt.Sprintf(`{"system_id":77,"devices":{"meters":[%s],"gateways":[{"serial_number":"%s"}]%s}}`, strings.Join(meters, ","), serial, encharges)
}

func (a *api) say(path string, status int, body string) {
	a.do(path, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

func (a *api) do(path string, f http.HandlerFunc) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answers[path] = f
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/oauth/token" {
		a.token(w, r)
		return
	}
	a.mu.Lock()
	path := strings.TrimPrefix(r.URL.Path, "/api/v4/systems")
	a.asked = append(a.asked, strings.TrimSuffix(path+"?"+r.URL.RawQuery, "?"))
	f, access := a.answers[path], fmt.Sprintf("Bearer access-%d", a.access)
	a.mu.Unlock()
	switch {
	case r.Header.Get("Authorization") != access:
		w.WriteHeader(401)
		_, _ = io.WriteString(w, `{"message":"Not Authorized","details":"User is not authorized","code":401}`)
	case r.Header.Get("key") != key || strings.Contains(r.URL.String(), key):
		w.WriteHeader(401)
		_, _ = io.WriteString(w, `{"message":"Not Authorized","details":"API key and access token mismatch","code":401}`)
	case f == nil:
		w.WriteHeader(404)
		_, _ = io.WriteString(w, `{"message":"Not Found","details":"System not found for {:id=>\"1\"}","code":404}`)
	default:
		f(w, r)
	}
}

func (a *api) token(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if _, secret, _ := r.BasicAuth(); secret != pass {
		w.WriteHeader(401)
		_, _ = io.WriteString(w, `{"error":"invalid_client"}`)
		return
	}
	a.access++
	_, _ = fmt.Fprintf(w, `{"access_token":"access-%d","refresh_token":"refresh-%d","token_type":"bearer","expires_in":86393}`, a.access, a.access)
}

// calls returns and forgets what was asked since.
func (a *api) calls() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	asked := a.asked
	a.asked = nil
	return asked
}

// wire carries requests without a network, so that a bubble's clock rules.
type wire struct{ http.Handler }

func (w wire) RoundTrip(r *http.Request) (*http.Response, error) {
	done := make(chan *http.Response, 1)
	go func() {
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, r)
		done <- rec.Result()
	}()
	select {
	case answer := <-done:
		return answer, nil
	case <-r.Context().Done():
		return nil, &url.Error{Op: "Get", URL: "secret-url", Err: r.Context().Err()}
	}
}

func (a *api) client(t *testing.T, change func(*enlighten.Config)) *enlighten.Client {
	t.Helper()
	cfg := enlighten.Config{
		ClientID: "id", ClientSecret: secret.New(pass), APIKey: secret.New(key), URL: "https://api.example",
		Transport: wire{a}, Dir: a.dir, Zone: time.UTC, Log: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&cfg)
	}
	c, err := enlighten.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// connected returns a client with a grant.
func (a *api) connected(t *testing.T) *enlighten.Client {
	t.Helper()
	c := a.client(t, nil)
	h, err := c.Connect(t.Context(), enlighten.Consent{Code: "abc", Gateways: []string{serial}})
	if err != nil {
		t.Fatal(err)
	}
	if h.ID != 77 {
		t.Fatalf("home %+v", h)
	}
	a.calls()
	return c
}
