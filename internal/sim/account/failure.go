package account

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"envoyd/internal/sim/fault"
)

// Failure names one way the service fails, and the last part of /_sim/<failure>
// at its address.
type Failure = fault.Kind

// Failures of the Enlighten login (login.json). A wrong password needs no
// switch.
const (
	MFA         Failure = "mfa"          // success without a session, and a cookie that waits for the one-time code
	MFARequires Failure = "requires-mfa" // the same said as requires_mfa
	MFARequired Failure = "mfa-required" // the same said as mfa_required
	Blocked     Failure = "blocked"      // isBlocked
	TooMany     Failure = "too-many"     // too many active sessions
	Bare406     Failure = "bare-406"     // 406 unless the request looks like a browser's
	Login406    Failure = "login-406"    // 406 for everybody
	LoginHTML   Failure = "login-html"   // 200 with a page
	LoginMoved  Failure = "login-302"    // redirected to the web site
	Throttled   Failure = "login-429"    // 429 with Retry-After
	Login502    Failure = "login-502"    // 502 page
	Maintenance Failure = "maintenance"  // 503 page, on every path
	OTPBlocked  Failure = "otp-429"      // one-time codes are refused for a while
	NoSession   Failure = "cookie-only"  // the session id comes only as a cookie
)

// Failures of /tokens and of /entrez-auth-token.
const (
	Tokens401     Failure = "tokens-401"
	Tokens403     Failure = "tokens-403"
	Tokens406     Failure = "tokens-406"
	TokensHTML    Failure = "tokens-html"     // 200 with a page
	Tokens502     Failure = "tokens-502"      // 502 page
	TokensObject  Failure = "tokens-object"   // no failure: {"token": …} instead of bare text
	YoungSession  Failure = "young-session"   // 401 for a session younger than a second
	AuthTokenText Failure = "auth-token-text" //nolint:gosec // a name, not a secret
	AuthToken502  Failure = "auth-token-502"  //nolint:gosec // as above
)

// Failures of the Entrez web pages.
const (
	WebError  Failure = "web-error"  // a text area that begins with Error
	WebLayout Failure = "web-layout" // no text area
	WebMFA    Failure = "web-mfa"    // neither page after the login
	WebLost   Failure = "web-lost"   // the session is gone when the token is asked for
	Web502    Failure = "web-502"    // 502 page
	WebCSRF   Failure = "web-csrf"   // forms without the page's _csrf are refused
)

// What kind of token comes out, on any way.
const (
	Installer    Failure = "installer"     // 12 h installer tokens
	WebInstaller Failure = "web-installer" // only by the web pages, as DIY accounts get them
	Foreign      Failure = "foreign"       // for another gateway
)

// Failures lists them all.
func Failures() []Failure {
	return []Failure{
		MFA, MFARequires, MFARequired, Blocked, TooMany, Bare406, Login406, LoginHTML, LoginMoved, Throttled, Login502,
		Maintenance, OTPBlocked, NoSession, Tokens401, Tokens403, Tokens406, TokensHTML, Tokens502, TokensObject,
		YoungSession, AuthTokenText, AuthToken502, WebError, WebLayout, WebMFA, WebLost, Web502, WebCSRF, Installer,
		WebInstaller, Foreign,
	}
}

// Fail throws a switch; o.Path is not used.
func (s *Service) Fail(f Failure, o fault.Options) {
	s.switches.Set(f, fault.Options{For: o.For, Count: o.Count})
}

// Mend ends the given failures, all when none is given.
func (s *Service) Mend(f ...Failure) { s.switches.Clear(f...) }

// fails says whether a failure is on, and counts it.
func (s *Service) fails(f Failure) bool { return s.switches.Take(f, "") }

// control is /_sim/<failure>, /_sim/clear and /_sim/state.
func (s *Service) control(w http.ResponseWriter, r *http.Request) {
	name := Failure(r.PathValue("name"))
	switch {
	case !fault.FromLoopback(r):
		http.Error(w, "the switches work from this machine only", http.StatusForbidden)
		return
	case name == "state" && r.Method == http.MethodGet:
	case r.Method != http.MethodPost:
		http.Error(w, "switches take POST", http.StatusMethodNotAllowed)
		return
	case name == "clear":
		s.Mend()
	case slices.Contains(Failures(), name):
		o, err := fault.ReadOptions(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.Fail(name, o)
	default:
		http.Error(w, fmt.Sprintf("there is no failure %q", name), http.StatusBadRequest)
		return
	}
	s.answer(w, http.StatusOK, map[string]any{"faults": s.switches.Active(), "logins": s.Logins()})
}

// answer writes JSON.
func (s *Service) answer(w http.ResponseWriter, status int, doc any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(doc); err != nil {
		s.log.Debug("client went away", "error", err)
	}
}

// page writes HTML.
func (s *Service) page(w http.ResponseWriter, status int, title, body string) {
	w.Header().Set("Content-Type", "text/html;charset=UTF-8")
	w.WriteHeader(status)
	text := "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/><title>" + title + "</title></head>\n<body>\n" +
		body + "\n</body></html>\n"
	if _, err := w.Write([]byte(text)); err != nil {
		s.log.Debug("client went away", "error", err)
	}
}

// down answers for a service that is away, if it is.
func (s *Service) down(w http.ResponseWriter, failure Failure) bool {
	if s.fails(Maintenance) {
		s.page(w, http.StatusServiceUnavailable, "Maintenance", "<h1>We will be back soon</h1>")
		return true
	}
	if s.fails(failure) {
		s.page(w, http.StatusBadGateway, "502 Bad Gateway", "<center><h1>502 Bad Gateway</h1></center>")
		return true
	}
	return false
}

// throttle answers 429.
func (s *Service) throttle(w http.ResponseWriter, after time.Duration) {
	w.Header().Set("Retry-After", strconv.Itoa(int(after/time.Second)))
	s.answer(w, http.StatusTooManyRequests, map[string]any{"message": "Too many requests"})
}
