package entrez_test

import (
	"context"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"envoyd/internal/entrez"
	"envoyd/internal/fault"
	"envoyd/internal/token"
)

func TestInstallerTokenKeepsItsRole(t *testing.T) {
	f := newFake(t)
	f.pages["/tokens"] = answer(200, "text/plain", jwt(serial, "installer", 12*time.Hour))
	c, _ := f.client(t)
	got, err := c.Fetch(t.Context(), login, serial)
	if err != nil || got.Role != token.RoleInstaller || got.Lifetime() != 12*time.Hour {
		t.Errorf("token %+v, error %v; want an installer's for 12 hours", got, err)
	}
}

func TestWebFormSendsWhatThePagesAskFor(t *testing.T) {
	f := newFake(t)
	f.pages["/login/login.json"] = html(503)
	c, _ := f.client(t)
	if _, err := c.Fetch(t.Context(), login, serial); err != nil {
		t.Fatal(err)
	}
	sent, _ := url.ParseQuery(f.body("/login"))
	if sent.Get("username") != email || sent.Get("password") != password || sent.Get("_csrf") != "csrf-of-login" {
		t.Errorf("login form lacks something: %d fields", len(sent))
	}
	sent, _ = url.ParseQuery(f.body("/entrez_tokens"))
	if sent.Get("serialNum") != serial || sent.Get("_csrf") != "csrf-of-select" {
		t.Errorf("token form is %v", sent)
	}
	if f.count("/logout") != 1 {
		t.Error("the session was not ended")
	}
}

func TestBrowserHeadersOnlyAfterThePlainOnesWereRefused(t *testing.T) {
	f := newFake(t)
	var agents []string
	f.pages["/login/login.json"] = func(w http.ResponseWriter, r *http.Request) {
		agents = append(agents, r.UserAgent())
		if len(agents) == 1 {
			answer(406, "text/html", "")(w, r)
			return
		}
		loggedIn(w, r)
	}
	c, _ := f.client(t)
	if _, err := c.Fetch(t.Context(), login, serial); err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(agents[0], "Mozilla") || !strings.HasPrefix(agents[1], "Mozilla") {
		t.Errorf("user agents were %q", agents)
	}
}

func TestPauseBeforeAYoungSessionIsShownAgain(t *testing.T) {
	f := newFake(t)
	f.pages["/tokens"] = refused
	c, _ := f.client(t)
	pauses := c.WithoutPause()
	if _, err := c.Fetch(t.Context(), login, serial); err != nil {
		t.Fatal(err)
	}
	if *pauses != 1 || f.count("/tokens") != 2 {
		t.Errorf("%d pauses and %d visits of /tokens, want 1 and 2", *pauses, f.count("/tokens"))
	}
}

func TestEachAttemptHasItsOwnCookies(t *testing.T) {
	f := newFake(t)
	c, _ := f.client(t)
	seen := 0
	f.pages["/login/login.json"] = func(w http.ResponseWriter, r *http.Request) {
		seen += len(r.Cookies())
		loggedIn(w, r)
	}
	for range 2 {
		if _, err := c.Fetch(t.Context(), login, serial); err != nil {
			t.Fatal(err)
		}
	}
	if seen != 0 {
		t.Error("a login carried the cookies of an earlier one")
	}
}

func TestOneTimeCode(t *testing.T) {
	codes := func(list ...string) func(context.Context) (string, error) {
		return func(context.Context) (string, error) {
			if len(list) == 0 {
				return "", errors.New("nobody types")
			}
			code := list[0]
			list = list[1:]
			return code, nil
		}
	}
	wrong := answer(422, "application/json", `{}`)
	right := answer(200, "application/json", `{"isValid":true,"session_id":"`+session+`"}`)
	tests := []struct {
		name  string
		codes []string
		page  http.HandlerFunc
		err   error
		sent  int
	}{
		{"the right code gives a token", []string{"123456"}, right, nil, 1},
		{"a mistyped code may be typed again", []string{"1", "123456"}, inTurn(wrong, right), nil, 2},
		{"three wrong codes end it", []string{"1", "2", "3", "4"}, wrong, entrez.ErrBadCode, 3},
		{"isValid false is a wrong code", []string{"1", "2", "3"}, answer(200, "application/json", `{"isValid":false}`), entrez.ErrBadCode, 3},
		{"blocked ends it at once", []string{"1", "2"}, answer(200, "application/json", `{"isBlocked":true}`), entrez.ErrBlocked, 1},
		{"429 ends it at once", []string{"1", "2"}, answer(429, "application/json", ``), entrez.ErrThrottled, 1},
		{"nobody types", nil, right, entrez.ErrMFARequired, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t)
			f.pages["/login/login.json"] = mfaNonce
			f.pages["/app-api/validate_login_otp"] = tt.page
			c, _ := f.client(t)
			withCode := login
			withCode.OTP = codes(tt.codes...)
			_, err := c.Fetch(t.Context(), withCode, serial)
			if !errors.Is(err, tt.err) || (tt.err == nil) != (err == nil) {
				t.Errorf("error %v, want %v", err, tt.err)
			}
			if n := f.count("/app-api/validate_login_otp"); n != tt.sent || f.logins() != 1 {
				t.Errorf("%d codes sent in %d logins, want %d in 1", n, f.logins(), tt.sent)
			}
		})
	}
}

func TestEmptyCodeAsksForAnother(t *testing.T) {
	f := newFake(t)
	f.pages["/login/login.json"] = mfaNonce
	c, _ := f.client(t)
	withCode := login
	asked := 0
	withCode.OTP = func(context.Context) (string, error) {
		asked++
		return []string{"", "654321"}[asked-1], nil
	}
	if _, err := c.Fetch(t.Context(), withCode, serial); err != nil {
		t.Fatal(err)
	}
	sent, _ := url.ParseQuery(f.body("/app-api/validate_login_otp"))
	code, _ := base64.StdEncoding.DecodeString(sent.Get("otp"))
	if f.count("/app-api/generate_mfa_login_otp") != 1 || string(code) != "654321" {
		t.Errorf("code %q after %d resends", code, f.count("/app-api/generate_mfa_login_otp"))
	}
}

func TestCheckLogsInOnceAndFetchesNothing(t *testing.T) {
	f := newFake(t)
	c, _ := f.client(t)
	if err := c.Check(t.Context(), login); err != nil {
		t.Fatal(err)
	}
	if f.logins() != 1 || len(f.visits) != 1 {
		t.Errorf("visited %v", f.visits)
	}
	f.pages["/login/login.json"] = answer(401, "text/html", "")
	if err := c.Check(t.Context(), login); !errors.Is(err, entrez.ErrBadCredentials) {
		t.Errorf("error %v, want a wrong password", err)
	}
}

func TestNewRefusesAddressesWhereThePasswordWouldBeSeen(t *testing.T) {
	tests := []struct {
		address string
		fine    bool
	}{
		{"", true},
		{"https://entrez.example.org", true},
		{"http://127.0.0.1:9443", true},
		{"http://[::1]:9443", true},
		{"http://localhost:9443", true},
		{"http://192.168.1.5", false},
		{"http://localhost.example.org", false},
		{"ftp://127.0.0.1", false},
		{"https://user:secretword@host", false},
		{"entrez.example.org", false},
		{"://", false},
	}
	for _, tt := range tests {
		_, err := entrez.New(entrez.Config{Entrez: tt.address})
		if (err == nil) != tt.fine || err != nil && (!fault.Is(err, fault.Config) || strings.Contains(err.Error(), "secretword")) {
			t.Errorf("%q: %v", tt.address, err)
		}
	}
}

func TestCertificatesAreVerified(t *testing.T) {
	f := newFake(t)
	server := httptest.NewTLSServer(f.Config.Handler)
	defer server.Close()
	server.Config.ErrorLog = nil
	stranger, err := entrez.New(entrez.Config{Entrez: server.URL, Enlighten: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	_, err = stranger.Fetch(t.Context(), login, serial)
	if !errors.Is(err, entrez.ErrUnreachable) || !strings.Contains(err.Error(), "certificate") || f.logins() != 0 {
		t.Errorf("error %v after %d logins, want the certificate refused first", err, f.logins())
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, block, 0o600); err != nil {
		t.Fatal(err)
	}
	friend, err := entrez.New(entrez.Config{Entrez: server.URL, Enlighten: server.URL, CAFile: ca})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := friend.Fetch(t.Context(), login, serial); err != nil {
		t.Error(err)
	}
}

func TestBadAuthoritiesFileIsAConfigurationFault(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{empty, empty + ".missing"} {
		if _, err := entrez.New(entrez.Config{CAFile: file}); !fault.Is(err, fault.Config) {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func TestMask(t *testing.T) {
	for in, want := range map[string]string{
		"jane@example.org": "j…@…", "é@x": "é…@…", "jane": "j…", "": "…", "@x": "…",
	} {
		if got := entrez.Mask(in); got != want {
			t.Errorf("Mask(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzPages(f *testing.F) {
	f.Add([]byte(loginPage("Wrong username or password")))
	f.Add([]byte(selectPage))
	f.Add([]byte(tokenPage("a.b.c")))
	f.Add([]byte(tokenPage("Error: none")))
	f.Add([]byte("<title>" + strings.Repeat("é", 200) + "</title>"))
	f.Fuzz(func(t *testing.T, body []byte) {
		_ = entrez.LoginPageVerdict(body)
		text, detail := entrez.TokenPageText(body)
		if (text == "") == (detail == "") {
			t.Errorf("text %q and error %q", text, detail)
		}
		if strings.ContainsAny(text, " \n<>") || len(detail) > 600 {
			t.Errorf("text %q, error %q", text, detail)
		}
	})
}

func TestABrokenAnswerIsNotQuoted(t *testing.T) {
	f := newFake(t)
	f.pages["/login/login.json"] = func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = conn.Write([]byte("HTTP/1.1 200 OK\r\nSet-Cookie " + session + "\r\n\r\n"))
		_ = conn.Close()
	}
	f.pages["/login_main_page"] = html(503)
	c, _ := f.client(t)
	_, err := c.Fetch(t.Context(), login, serial)
	if !errors.Is(err, entrez.ErrUpstream) || secretsIn(err.Error()) != nil {
		t.Errorf("error %v, want one without what was sent", err)
	}
}
