package grant_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"envoyd/internal/cloud/grant"
	"envoyd/internal/cloud/host"
	"envoyd/internal/secret"
	"envoyd/internal/status"
)

func TestMain(m *testing.M) {
	if os.Getenv("ENVOYD_CRASH") != "" {
		crash()
	}
	goleak.VerifyTestMain(m)
}

const (
	clientID     = "client-id"
	clientSecret = "client-secret-9f3" //nolint:gosec // of the double
	day          = 24 * time.Hour
)

// service is a double of the token endpoint with rotation: a refresh token
// lives a month, and dies when the one that followed it is used.
type service struct {
	mu      sync.Mutex
	n       int
	valid   []string // refresh tokens that are taken
	strict  bool     // the old one dies at once
	dies    map[string]time.Time
	calls   []string // the grant_type of each call, and what became of it
	answer  http.HandlerFunc
	refuses int // calls that are refused although all is well
}

func (s *service) issue(w http.ResponseWriter, old string) {
	s.n++
	next := fmt.Sprintf("refresh-%d", s.n)
	if s.strict {
		s.valid = nil
	}
	s.valid = append(s.valid, next)
	if i := slices.Index(s.valid, old); i > 0 {
		s.valid = s.valid[i:] // using it ends those before it
	}
	if s.dies == nil {
		s.dies = map[string]time.Time{}
	}
	s.dies[next] = time.Now().Add(30 * day)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"access_token": fmt.Sprintf("access-%d", s.n), "token_type": "bearer", "refresh_token": next,
		"expires_in": 86393, "scope": "read write", "app_type": "system",
	})
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"error":%q,"error_description":"leaks access-1 and refresh-1"}`, code)
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kind := r.PostFormValue("grant_type")
	s.calls = append(s.calls, kind)
	if s.answer != nil {
		s.answer(w, r)
		return
	}
	id, pass, _ := r.BasicAuth()
	switch {
	case r.Method != http.MethodPost || r.URL.Path != "/oauth/token" || r.URL.RawQuery != "":
		http.Error(w, "no", http.StatusNotFound)
	case id != clientID || pass != clientSecret || r.PostFormValue("client_secret") != "":
		refuse(w, 401, "invalid_client")
	case s.refuses > 0:
		s.refuses--
		refuse(w, 400, "invalid_grant")
	case kind == "authorization_code" && r.PostFormValue("code") == "abc123" && r.PostFormValue("redirect_uri") == "http://localhost/cb",
		kind == "password" && r.PostFormValue("username") == "installer" && r.PostFormValue("password") == "pass":
		s.issue(w, "")
	case kind == "refresh_token" && slices.Contains(s.valid, r.PostFormValue("refresh_token")) && time.Now().Before(s.dies[r.PostFormValue("refresh_token")]):
		s.issue(w, r.PostFormValue("refresh_token"))
	default:
		refuse(w, 400, "invalid_grant")
	}
}

func (s *service) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.calls)
}

// wire carries requests to a handler without a network, so that the clock of
// a bubble can be used.
type wire struct{ http.Handler }

func (w wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	return rec.Result(), nil
}

type bench struct {
	*service
	dir   string
	board *status.Board
}

func newBench(t *testing.T) *bench {
	return &bench{service: &service{}, dir: t.TempDir(), board: status.NewBoard(discard())}
}

func (b *bench) keeper(t *testing.T, change func(*grant.Config)) *grant.Keeper {
	t.Helper()
	h, err := host.New(host.Config{Key: "endpoints.api", URL: "https://api.example", Transport: wire{b}})
	if err != nil {
		t.Fatal(err)
	}
	cfg := grant.Config{
		App: grant.Developer, ClientID: clientID, ClientSecret: secret.New(clientSecret), Username: "installer",
		Password: secret.New("pass"), Dir: b.dir, Host: h, Board: b.board, Log: discard(),
	}
	if change != nil {
		change(&cfg)
	}
	return grant.New(cfg)
}

// granted returns a keeper with a grant on disk.
func (b *bench) granted(t *testing.T) *grant.Keeper {
	t.Helper()
	k := b.keeper(t, nil)
	o, err := k.Exchange(t.Context(), "abc123", "http://localhost/cb")
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Keep(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	return k
}

func (b *bench) path() string { return filepath.Join(b.dir, "enlighten-grant.json") }

func token(t *testing.T, k *grant.Keeper) string {
	t.Helper()
	access, err := k.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return access.Reveal()
}
