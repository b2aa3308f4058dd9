package account_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"envoyd/internal/sim/account"
	"envoyd/internal/sim/fault"
	"envoyd/internal/sim/jwt"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const serial = "122333444555"

// browser is a client of the service, with cookies.
type browser struct {
	t       *testing.T
	service *account.Service
	tokens  *jwt.Issuer
	http    *http.Client
}

func start(t *testing.T, secure bool) *browser {
	t.Helper()
	tokens, err := jwt.NewIssuer()
	if err != nil {
		t.Fatal(err)
	}
	s, err := account.New(account.Config{Address: "127.0.0.1:0", TLS: secure, Tokens: tokens, Gateways: []string{serial}})
	if err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if secure && !roots.AppendCertsFromPEM(s.CA()) {
		t.Fatal("no authority")
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}} //nolint:gosec // any version will do here
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &browser{t, s, tokens, &http.Client{
		Transport: transport, Jar: jar, Timeout: 5 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// send makes a request; a body makes it a form, or JSON when it begins so.
func (b *browser) send(method, path, body string) (int, string) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.service.URL()+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if strings.HasPrefix(body, "{") {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := b.http.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

func (b *browser) login(password string) (int, string) {
	b.t.Helper()
	return b.send("POST", "/login/login.json", url.Values{"user[email]": {account.Email}, "user[password]": {password}}.Encode())
}

// session logs in and returns the session id.
func (b *browser) session() string {
	b.t.Helper()
	var doc struct {
		ID string `json:"session_id"`
	}
	code, text := b.login(account.Password)
	if err := json.Unmarshal([]byte(text), &doc); code != 200 || err != nil || len(doc.ID) != 32 {
		b.t.Fatalf("login: %d %q", code, text)
	}
	return doc.ID
}

func (b *browser) exchange(session, serial string) (int, string) {
	b.t.Helper()
	return b.send("POST", "/tokens", fmt.Sprintf(`{"session_id":%q,"serial_num":%q,"username":%q}`, session, serial, account.Email))
}

// wantToken checks that a text is a token of a role.
func (b *browser) wantToken(text, role string) {
	b.t.Helper()
	c, err := b.tokens.Verify(strings.TrimSpace(text))
	if err != nil || c.Role != role || c.Audience != serial {
		b.t.Errorf("%v %+v in %.80q", err, c, text)
	}
}

func TestFlowAGivesAnOwnerToken(t *testing.T) {
	for _, secure := range []bool{false, true} {
		b := start(t, secure)
		code, text := b.exchange(b.session(), serial)
		if code != 200 {
			t.Errorf("tokens: %d %q", code, text)
		}
		b.wantToken(text, jwt.Owner)
		if code, text := b.exchange("none", serial); code != 401 || strings.Count(text, ".") == 2 {
			t.Errorf("without a session: %d %q", code, text)
		}
		if code, _ := b.exchange(b.session(), "111111111111"); code != 403 {
			t.Errorf("another's gateway: %d", code)
		}
		if got := b.service.Logins(); got != 2 {
			t.Errorf("%d logins counted", got)
		}
	}
}

func TestFlowAPrimeGivesTheTokenAsJSON(t *testing.T) {
	b := start(t, false)
	if _, text := b.send("GET", "/entrez-auth-token?serial_num="+serial, ""); !strings.Contains(text, "sign in") {
		t.Errorf("without a login: %q", text)
	}
	b.session()
	_, text := b.send("GET", "/entrez-auth-token?serial_num="+serial, "")
	var doc struct {
		Token     string
		Generated int64 `json:"generation_time"`
		Expires   int64 `json:"expires_at"`
	}
	if err := json.Unmarshal([]byte(text), &doc); err != nil || doc.Expires-doc.Generated != 31_536_000 {
		t.Errorf("%v in %q", err, text)
	}
	b.wantToken(doc.Token, jwt.Owner)
}

func TestFlowBShowsTheTokenInATextArea(t *testing.T) {
	b := start(t, false)
	form := url.Values{"username": {account.Email}, "password": {"wrong"}}
	if code, text := b.send("POST", "/login", form.Encode()); code != 200 || !strings.Contains(text, "<title>Login page") {
		t.Errorf("wrong password: %d %q", code, text)
	}
	if _, text := b.send("POST", "/entrez_tokens", "serialNum="+serial); !strings.Contains(text, "<title>Login page") {
		t.Errorf("without a session: %q", text)
	}
	form.Set("password", account.Password)
	if code, text := b.send("POST", "/login", form.Encode()); code != 200 || !strings.Contains(text, "<title>Select Gateway") {
		t.Errorf("right password: %d %q", code, text)
	}
	if _, text := b.send("GET", "/site/sample", ""); !strings.Contains(text, serial) {
		t.Errorf("sites: %q", text)
	}
	b.wantToken(area(b.send("POST", "/entrez_tokens", "serialNum="+serial)), jwt.Owner)
	if text := area(b.send("POST", "/entrez_tokens", "serialNum=111111111111")); !strings.HasPrefix(strings.TrimSpace(text), "Error") {
		t.Errorf("another's gateway: %q", text)
	}
	b.service.Fail(account.WebInstaller, fault.Options{Count: 1})
	b.wantToken(area(b.send("POST", "/entrez_tokens", "serialNum="+serial)), jwt.Installer)
	if code, _ := b.send("POST", "/login_main_page", ""); code != http.StatusMethodNotAllowed {
		t.Errorf("POST /login_main_page: %d", code)
	}
	b.send("POST", "/logout", "")
	if _, text := b.send("POST", "/entrez_tokens", "serialNum="+serial); !strings.Contains(text, "<title>Login page") {
		t.Errorf("after logging out: %q", text)
	}
}

// area is the text of the page's text area.
func area(_ int, page string) string {
	_, rest, _ := strings.Cut(page, "id=\"JWTToken\" readonly>")
	text, _, _ := strings.Cut(rest, "</textarea>")
	return text
}

func TestOneTimeCodeGivesASession(t *testing.T) {
	b := start(t, false)
	b.service.Fail(account.MFA, fault.Options{})
	if code, text := b.login(account.Password); code != 200 || strings.Contains(text, "session_id") || !strings.Contains(text, `"isBlocked":false`) {
		t.Errorf("login: %d %q", code, text)
	}
	form := func(otp string) string {
		e := base64.StdEncoding.EncodeToString
		return url.Values{"email": {e([]byte(account.Email))}, "otp": {e([]byte(otp))}}.Encode()
	}
	if code, _ := b.send("POST", "/app-api/validate_login_otp", form("000000")); code != 422 {
		t.Errorf("wrong code: %d", code)
	}
	code, text := b.send("POST", "/app-api/validate_login_otp", form(account.OTP))
	var doc struct {
		ID string `json:"session_id"`
	}
	if err := json.Unmarshal([]byte(text), &doc); err != nil || code != 200 {
		t.Fatalf("%d %q", code, text)
	}
	_, token := b.exchange(doc.ID, serial)
	b.wantToken(token, jwt.Owner)
}

func TestFailuresOfTheLogin(t *testing.T) {
	for failure, want := range map[account.Failure]string{
		"wrong":             "401 {",
		account.MFA:         `200 {"isBlocked":false,"success":true}`,
		account.MFARequires: `200 {"message":"success","requires_mfa":true}`,
		account.MFARequired: `200 {"message":"success","mfa_required":true}`,
		account.Blocked:     `200 {"isBlocked":true`,
		account.TooMany:     `401 {"message":"You have too many active sessions`,
		account.Bare406:     "406 <!DOCTYPE",
		account.Login406:    "406 <!DOCTYPE",
		account.LoginHTML:   "200 <!DOCTYPE",
		account.LoginMoved:  "302 <!DOCTYPE",
		account.Throttled:   "429 {",
		account.Login502:    "502 <!DOCTYPE",
		account.Maintenance: "503 <!DOCTYPE",
	} {
		t.Run(string(failure), func(t *testing.T) {
			b := start(t, false)
			password := account.Password
			if failure == "wrong" {
				password = "guess"
			}
			b.service.Fail(failure, fault.Options{})
			code, text := b.login(password)
			if got := fmt.Sprint(code, " ", text); !strings.HasPrefix(got, want) {
				t.Errorf("%.80q, want %q", got, want)
			}
			b.service.Mend()
			b.session()
		})
	}
}

func TestFailuresOfTheToken(t *testing.T) {
	for failure, want := range map[account.Failure]string{
		account.Tokens401: "401 {", account.Tokens403: "403 {", account.Tokens406: "406 {", account.TokensHTML: "200 <!DOCTYPE",
		account.Tokens502: "502 <!DOCTYPE", account.TokensObject: `200 {"token":"ey`, account.YoungSession: "401 {",
	} {
		t.Run(string(failure), func(t *testing.T) {
			b := start(t, false)
			session := b.session()
			b.service.Fail(failure, fault.Options{Count: 1})
			code, text := b.exchange(session, serial)
			if got := fmt.Sprint(code, " ", text); !strings.HasPrefix(got, want) {
				t.Errorf("%.80q, want %q", got, want)
			}
			if code, _ := b.exchange(session, serial); code != 200 {
				t.Errorf("after it: %d", code)
			}
		})
	}
}

func TestFailuresOfThePages(t *testing.T) {
	for failure, want := range map[account.Failure]string{
		account.WebError: "Error", account.WebLayout: "<title>Token", account.WebLost: "<title>Login page", account.Web502: "502 Bad Gateway",
		account.WebCSRF: "Forbidden", account.Installer: "eyJ", account.Foreign: "eyJ",
	} {
		t.Run(string(failure), func(t *testing.T) {
			b := start(t, false)
			b.send("POST", "/login", url.Values{"username": {account.Email}, "password": {account.Password}}.Encode())
			b.service.Fail(failure, fault.Options{})
			_, text := b.send("POST", "/entrez_tokens", "serialNum="+serial)
			if !strings.Contains(text, want) {
				t.Errorf("%.200q", text)
			}
			if c, err := jwt.Parse(strings.TrimSpace(area(200, text))); err == nil && c.Role == jwt.Owner && c.Audience == serial {
				t.Error("an ordinary token came out")
			}
		})
	}
	b := start(t, false)
	b.service.Fail(account.WebMFA, fault.Options{})
	_, text := b.send("POST", "/login", url.Values{"username": {account.Email}, "password": {account.Password}}.Encode())
	if strings.Contains(text, "Select Gateway") || strings.Contains(text, "Login page") {
		t.Errorf("an MFA account sees %q", text)
	}
}

func TestEveryFailureHasASwitch(t *testing.T) {
	b := start(t, false)
	for _, f := range account.Failures() {
		if code, text := b.send("POST", "/_sim/"+string(f)+"?count=1", ""); code != 200 || !strings.Contains(text, string(f)) {
			t.Errorf("%s: %d %q", f, code, text)
		}
	}
	b.send("POST", "/_sim/clear", "")
	if _, text := b.send("GET", "/_sim/state", ""); strings.Contains(text, "mfa") {
		t.Errorf("not cleared: %q", text)
	}
	if code, _ := b.send("POST", "/_sim/nothing", ""); code != 400 {
		t.Errorf("an unknown one: %d", code)
	}
}
