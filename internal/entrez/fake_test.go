package entrez_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"envoyd/internal/entrez"
	"envoyd/internal/secret"
)

const (
	serial   = "122333444555"
	email    = "jane.doe@example.org"
	password = "correct horse battery"
	session  = "0123456789abcdef0123456789abcdef"
)

var login = entrez.Login{Email: email, Password: secret.New(password)}

// jwt makes a token with the given claims and a signature nobody checks.
func jwt(aud any, role string, lifetime time.Duration) string {
	now := time.Now().Unix()
	claims, _ := json.Marshal(map[string]any{
		"aud": aud, "iss": "Entrez", "enphaseUser": role, "iat": now, "exp": now + int64(lifetime.Seconds()),
		"jti": "5e4b8f1e-0000-4000-8000-000000000001", "username": email,
	})
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"ES256"}`)) + "." + encode(claims) + "." + encode([]byte("signature-of-the-token"))
}

const year = 365 * 24 * time.Hour

// fake is Enphase: both hosts in one server, every page replaceable.
type fake struct {
	*httptest.Server
	mu       sync.Mutex
	pages    map[string]http.HandlerFunc
	visits   []string
	requests []string // bodies
}

func newFake(t *testing.T) *fake {
	f := &fake{pages: map[string]http.HandlerFunc{
		"/login/login.json":               loggedIn,
		"/tokens":                         answer(200, "text/plain", jwt(serial, "owner", year)),
		"/entrez-auth-token":              authTokenPage,
		"/login_main_page":                answer(200, "text/html", loginPage("")),
		"/login":                          answer(200, "text/html", selectPage),
		"/entrez_tokens":                  answer(200, "text/html", tokenPage(jwt(serial, "owner", year))),
		"/logout":                         answer(302, "text/html", ""),
		"/elsewhere":                      answer(200, "text/plain", jwt(serial, "owner", year)),
		"/app-api/validate_login_otp":     answer(200, "application/json", `{"isValid":true,"isBlocked":false,"session_id":"`+session+`"}`),
		"/app-api/generate_mfa_login_otp": answer(200, "application/json", `{}`),
	}}
	f.Server = httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(f.Close)
	return f
}

func (f *fake) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	f.mu.Lock()
	f.visits = append(f.visits, r.URL.Path)
	f.requests = append(f.requests, string(body))
	page := f.pages[r.URL.Path]
	f.mu.Unlock()
	if page == nil {
		http.NotFound(w, r)
		return
	}
	page(w, r)
}

func (f *fake) count(path string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, v := range f.visits {
		if v == path {
			n++
		}
	}
	return n
}

func (f *fake) logins() int { return f.count("/login/login.json") + f.count("/login") }

func (f *fake) body(path string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, v := range f.visits {
		if v == path {
			return f.requests[i]
		}
	}
	return ""
}

// client returns a client of the fake and everything it logs.
func (f *fake) client(t *testing.T) (*entrez.Client, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	c, err := entrez.New(entrez.Config{
		Entrez: f.URL, Enlighten: f.URL,
		Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	c.WithoutPause()
	return c, &log
}

func answer(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// inTurn serves one page after the other, the last one for ever.
func inTurn(pages ...http.HandlerFunc) http.HandlerFunc {
	var mu sync.Mutex
	return func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		page := pages[0]
		if len(pages) > 1 {
			pages = pages[1:]
		}
		mu.Unlock()
		page(w, r)
	}
}

func loggedIn(w http.ResponseWriter, r *http.Request) {
	if r.FormValue("user[email]") != email || r.FormValue("user[password]") != password {
		answer(401, "application/json", `{"message":"no"}`)(w, r)
		return
	}
	http.SetCookie(w, &http.Cookie{Name: "_enlighten_4_session", Value: session, Path: "/", HttpOnly: true})
	answer(200, "application/json", `{"message":"success","session_id":"`+session+`","manager_token":"m.m.m","is_consumer":true}`)(w, r)
}

// authTokenPage wants the session cookie, as the real one does.
func authTokenPage(w http.ResponseWriter, r *http.Request) {
	c, err := r.Cookie("_enlighten_4_session")
	if err != nil || c.Value != session || r.URL.Query().Get("serial_num") != serial {
		answer(200, "text/plain", "Please sign in first")(w, r)
		return
	}
	now := time.Now().Unix()
	answer(200, "application/json", fmt.Sprintf(`{"generation_time":%d,"token":%q,"expires_at":"%d"}`,
		now, jwt(serial, "owner", year), now+31536000))(w, r)
}

func loginPage(complaint string) string {
	return `<!DOCTYPE html><html><head><title>Login page</title></head><body><p class="error">` + complaint +
		`</p><form action="/login" method="post"><input type="hidden" name="_csrf" value="csrf-of-login"/>` +
		`<input name="username"/><input type="password" name="password"/></form></body></html>`
}

const selectPage = `<html><head><title>Select Gateway</title></head><body><form action="/entrez_tokens" method="post">` +
	`<input name="Site"/><input name="serialNum"/><input type="hidden" name="_csrf" value="csrf-of-select"></form></body></html>`

func tokenPage(text string) string {
	return `<html><head><title>Token</title></head><body><p>shown once</p><textarea cols="90" name="accessToken" id="JWTToken" readonly>` +
		text + `</textarea></body></html>`
}

// secretsIn lists what of the account can be found in a text.
func secretsIn(text string) []string {
	var found []string
	for _, s := range []string{email, password, "correct", session, "eyJ", "csrf-of", "jane"} {
		if strings.Contains(text, s) {
			found = append(found, s)
		}
	}
	return found
}
