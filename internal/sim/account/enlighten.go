package account

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"envoyd/internal/sim/jwt"
)

// Cookies of Enlighten.
const (
	sessionCookie = "_enlighten_4_session"
	nonceCookie   = "login_otp_nonce"
)

// login is Enlighten's login.json.
func (s *Service) login(w http.ResponseWriter, r *http.Request) {
	if s.down(w, Login502) || s.turnedAway(w, r) {
		return
	}
	if err := parseForm(r); err != nil {
		s.answer(w, http.StatusBadRequest, map[string]any{"message": "Bad request"})
		return
	}
	if !s.good(r.PostFormValue("user[email]"), r.PostFormValue("user[password]")) {
		s.answer(w, http.StatusUnauthorized, map[string]any{"message": "Invalid email or password"})
		return
	}
	if s.wantsMore(w, r) {
		return
	}
	id := s.newSession()
	doc := map[string]any{
		"message": "success", "session_id": id, "manager_token": "not.for.gateways", "is_consumer": true,
		"system_id": "1234567", "redirect_url": "/web/1234567",
	}
	if s.fails(NoSession) {
		delete(doc, "session_id")
	}
	s.setCookie(w, r, sessionCookie, id)
	s.answer(w, http.StatusOK, doc)
}

// turnedAway plays the failures that come before the password is looked at.
func (s *Service) turnedAway(w http.ResponseWriter, r *http.Request) bool {
	browser := strings.Contains(r.Header.Get("Accept"), "json") && r.Header.Get("X-Requested-With") != ""
	switch {
	case s.fails(Throttled):
		s.throttle(w, 15*time.Minute)
	case s.fails(Login406), !browser && s.fails(Bare406):
		s.page(w, http.StatusNotAcceptable, "406", "<h1>Not Acceptable</h1>")
	case s.fails(LoginHTML):
		s.page(w, http.StatusOK, "Enphase - Sign In", "<form action=\"/login/login\" method=\"post\"></form>")
	case s.fails(LoginMoved):
		w.Header().Set("Location", "/login")
		s.page(w, http.StatusFound, "Redirecting", "")
	case s.fails(TooMany):
		s.answer(w, http.StatusUnauthorized, map[string]any{"message": "You have too many active sessions"})
	default:
		return false
	}
	return true
}

// wantsMore plays the answers to a right password that give no session.
func (s *Service) wantsMore(w http.ResponseWriter, r *http.Request) bool {
	var doc map[string]any
	switch {
	case s.fails(Blocked):
		doc = map[string]any{"success": true, "isBlocked": true}
	case s.fails(MFARequires):
		doc = map[string]any{"message": "success", "requires_mfa": true}
	case s.fails(MFARequired):
		doc = map[string]any{"message": "success", "mfa_required": true}
	case s.fails(MFA):
		doc = map[string]any{"success": true, "isBlocked": false}
	default:
		return false
	}
	nonce := sessionID()
	s.mu.Lock()
	s.nonces[nonce] = true
	s.mu.Unlock()
	s.setCookie(w, r, nonceCookie, nonce)
	s.answer(w, http.StatusOK, doc)
	return true
}

// validateOTP takes the one-time code of a login that waits for it.
func (s *Service) validateOTP(w http.ResponseWriter, r *http.Request) {
	if s.fails(OTPBlocked) {
		s.throttle(w, time.Hour)
		return
	}
	if err := parseForm(r); err != nil || !s.waiting(r) {
		s.answer(w, http.StatusUnauthorized, map[string]any{"isValid": false, "message": "session lost"})
		return
	}
	email, errEmail := base64.StdEncoding.DecodeString(r.PostFormValue("email"))
	otp, errOTP := base64.StdEncoding.DecodeString(r.PostFormValue("otp"))
	if errEmail != nil || errOTP != nil || !strings.EqualFold(string(email), s.cfg.Email) || string(otp) != OTP {
		s.answer(w, http.StatusUnprocessableEntity, map[string]any{"isValid": false, "isBlocked": false})
		return
	}
	id := s.newSession()
	s.setCookie(w, r, sessionCookie, id)
	s.answer(w, http.StatusOK, map[string]any{"isValid": true, "isBlocked": false, "session_id": id})
}

// sendOTP sends the code again.
func (s *Service) sendOTP(w http.ResponseWriter, r *http.Request) {
	if s.fails(OTPBlocked) || !s.waiting(r) {
		s.throttle(w, time.Hour)
		return
	}
	s.answer(w, http.StatusOK, map[string]any{"success": true, "isBlocked": false})
}

// waiting says whether the request belongs to a login that waits for a code.
func (s *Service) waiting(r *http.Request) bool {
	c, err := r.Cookie(nonceCookie)
	s.mu.Lock()
	defer s.mu.Unlock()
	return err == nil && s.nonces[c.Value]
}

// authToken is the page of a logged-in browser that holds the token.
func (s *Service) authToken(w http.ResponseWriter, r *http.Request) {
	if s.down(w, AuthToken502) {
		return
	}
	c, err := r.Cookie(sessionCookie)
	if err != nil || !s.known(c.Value) || s.fails(AuthTokenText) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		io.WriteString(w, "You need to sign in or sign up before continuing.") //nolint:errcheck // the client went away
		return
	}
	serial := r.URL.Query().Get("serial_num")
	if !s.owns(serial) {
		s.answer(w, http.StatusForbidden, map[string]any{"message": "not permitted"})
		return
	}
	token, err := s.issue(serial, jwt.Owner)
	if err != nil {
		s.answer(w, http.StatusInternalServerError, nil)
		return
	}
	claims, err := jwt.Parse(token)
	if err != nil {
		s.answer(w, http.StatusInternalServerError, nil)
		return
	}
	s.answer(w, http.StatusOK, map[string]any{"token": token, "generation_time": claims.Issued, "expires_at": claims.Expires})
}

// tokens is Entrez's exchange of a session for a token.
func (s *Service) tokens(w http.ResponseWriter, r *http.Request) {
	if s.down(w, Tokens502) || s.refusedToken(w) {
		return
	}
	var want struct {
		Session  string `json:"session_id"`
		Serial   string `json:"serial_num"`
		Username string `json:"username"`
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<16)).Decode(&want); err != nil {
		s.answer(w, http.StatusBadRequest, map[string]any{"message": "Bad request"})
		return
	}
	if !s.known(want.Session) || s.young(want.Session) {
		s.answer(w, http.StatusUnauthorized, map[string]any{"message": "Unauthorized"})
		return
	}
	if !s.owns(want.Serial) {
		s.answer(w, http.StatusForbidden, map[string]any{"message": "Forbidden"})
		return
	}
	token, err := s.issue(want.Serial, jwt.Owner)
	if err != nil {
		s.answer(w, http.StatusInternalServerError, nil)
		return
	}
	if s.fails(TokensObject) {
		s.answer(w, http.StatusOK, map[string]any{"token": token})
		return
	}
	w.Header().Set("Content-Type", "text/plain;charset=UTF-8")
	io.WriteString(w, token) //nolint:errcheck // the client went away
}

// refusedToken plays the failures of /tokens.
func (s *Service) refusedToken(w http.ResponseWriter) bool {
	switch {
	case s.fails(Tokens401):
		s.answer(w, http.StatusUnauthorized, map[string]any{"message": "Unauthorized"})
	case s.fails(Tokens403):
		s.answer(w, http.StatusForbidden, map[string]any{"message": "Forbidden"})
	case s.fails(Tokens406):
		s.answer(w, http.StatusNotAcceptable, map[string]any{"message": "Not Acceptable"})
	case s.fails(TokensHTML):
		s.page(w, http.StatusOK, "Entrez", "<h1>Something went wrong</h1>")
	default:
		return false
	}
	return true
}

// newSession begins an Enlighten session.
func (s *Service) newSession() string {
	id := sessionID()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions[id] = time.Now()
	return id
}

func (s *Service) known(session string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.sessions[session]
	return ok
}

// young says whether a session is used too fast, when that is a failure.
func (s *Service) young(session string) bool {
	if !s.switches.On(YoungSession, "") {
		return false
	}
	s.mu.Lock()
	began := s.sessions[session]
	s.mu.Unlock()
	return time.Since(began) < time.Second && s.fails(YoungSession)
}

// setCookie sets a cookie as the vendor does; Secure only where the link is.
func (s *Service) setCookie(w http.ResponseWriter, r *http.Request, name, value string) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure over plain HTTP would never come back
		Name: name, Value: value, Path: "/", HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteLaxMode,
	})
}

// parseForm reads both kinds of form.
func parseForm(r *http.Request) error {
	r.Body = http.MaxBytesReader(nil, r.Body, 1<<16)
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data") {
		return r.ParseMultipartForm(1 << 16) //nolint:gosec // bounded above
	}
	return r.ParseForm()
}
