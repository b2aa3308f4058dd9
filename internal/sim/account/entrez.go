package account

import (
	"html"
	"net/http"
	"strings"

	"envoyd/internal/sim/jwt"
)

// webCookie is the session of the Entrez web pages.
const webCookie = "SESSION"

// csrf is what every form of the pages carries.
const csrf = "3f0c2b7e-6f0d-4a8c-9a51-0c1d2e3f4a5b"

// siteName is the account's only site.
const siteName = "Sample Home"

// loginPage is the web login.
func (s *Service) loginPage(w http.ResponseWriter, r *http.Request) {
	if s.down(w, Web502) {
		return
	}
	s.showLogin(w, r, "")
}

func (s *Service) showLogin(w http.ResponseWriter, r *http.Request, complaint string) {
	s.setCookie(w, r, webCookie, sessionID())
	if complaint != "" {
		complaint = "<p class=\"error\">" + complaint + "</p>"
	}
	var hidden strings.Builder
	for _, name := range []string{
		"codeChallenge", "redirectUri", "client", "clientId", "serialNum", "grantType", "state", "invalidSerialNum",
	} {
		hidden.WriteString("<input type=\"hidden\" name=\"" + name + "\" value=\"\"/>\n")
	}
	s.page(w, http.StatusOK, "Login page", complaint+"<form method=\"post\" action=\"/login\">\n"+
		"<input type=\"hidden\" name=\"_csrf\" value=\""+csrf+"\"/>\n"+
		"<input type=\"hidden\" name=\"authFlow\" value=\"entrezSession\"/>\n"+hidden.String()+
		"<input name=\"username\"/><input name=\"password\" type=\"password\"/><button>Login</button></form>")
}

// webLogin answers 200 whether the password was right or not.
func (s *Service) webLogin(w http.ResponseWriter, r *http.Request) {
	if s.down(w, Web502) {
		return
	}
	if err := parseForm(r); err != nil || s.forged(r) {
		s.page(w, http.StatusForbidden, "Error", "<h1>Forbidden</h1>")
		return
	}
	if !s.good(r.PostFormValue("username"), r.PostFormValue("password")) {
		s.showLogin(w, r, "Wrong username or password")
		return
	}
	if s.fails(WebMFA) {
		s.page(w, http.StatusOK, "Verify your identity", "<form><input name=\"otp\"/></form>")
		return
	}
	id := sessionID()
	s.mu.Lock()
	s.web[id] = true
	s.mu.Unlock()
	s.setCookie(w, r, webCookie, id)
	s.page(w, http.StatusOK, "Select Gateway", "<script>var role = 'owner'; var uncommissionedEnabled = false;</script>\n"+
		"<form method=\"post\" action=\"/entrez_tokens\">\n<input type=\"hidden\" name=\"_csrf\" value=\""+csrf+"\"/>\n"+
		"<input name=\"uncommissioned\" type=\"checkbox\"/><input name=\"Site\"/><select name=\"serialNum\"></select>"+
		"<button>Create access token</button></form>")
}

// sites is the auto-complete of the select page.
func (s *Service) sites(w http.ResponseWriter, r *http.Request) {
	if !s.webSession(r) {
		s.showLogin(w, r, "")
		return
	}
	list := []map[string]any{}
	part := r.PathValue("part")
	if len(part) >= 3 && strings.Contains(strings.ToLower(siteName), strings.ToLower(part)) {
		s.mu.Lock()
		list = append(list, map[string]any{"id": 1234567, "name": siteName, "serial_numbers": s.cfg.Gateways})
		s.mu.Unlock()
	}
	s.answer(w, http.StatusOK, list)
}

// webToken is the page that shows a token, once, in a text area.
func (s *Service) webToken(w http.ResponseWriter, r *http.Request) {
	if s.down(w, Web502) {
		return
	}
	if !s.webSession(r) || s.fails(WebLost) {
		s.showLogin(w, r, "")
		return
	}
	if err := parseForm(r); err != nil || s.forged(r) {
		s.page(w, http.StatusForbidden, "Error", "<h1>Forbidden</h1>")
		return
	}
	if s.fails(WebLayout) {
		s.page(w, http.StatusOK, "Token", "<div class=\"token\">…</div>")
		return
	}
	text := s.webTokenText(r.PostFormValue("serialNum"), r.PostFormValue("uncommissioned"))
	s.page(w, http.StatusOK, "Token", "<p>Copy the token. It is shown only once.</p>\n"+
		"<textarea rows=\"8\" name=\"accessToken\" class=\"form-control\" id=\"JWTToken\" readonly>\n"+
		html.EscapeString(text)+"</textarea>")
}

// webTokenText is what stands in the text area: a token or a complaint.
func (s *Service) webTokenText(serial, uncommissioned string) string {
	if uncommissioned == "true" || uncommissioned == "on" {
		serial = "un-commissioned"
	} else if s.fails(WebError) || !s.owns(serial) {
		return "Error: gateway " + serial + " was not found for this account"
	}
	role := jwt.Owner
	if s.fails(WebInstaller) {
		role = jwt.Installer
	}
	token, err := s.issue(serial, role)
	if err != nil {
		return "Error: " + err.Error()
	}
	return token
}

// webLogout ends a web session.
func (s *Service) webLogout(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(webCookie); err == nil {
		s.mu.Lock()
		delete(s.web, c.Value)
		s.mu.Unlock()
	}
	w.Header().Set("Location", "/login_main_page")
	s.page(w, http.StatusFound, "Redirecting", "")
}

func (s *Service) webSession(r *http.Request) bool {
	c, err := r.Cookie(webCookie)
	s.mu.Lock()
	defer s.mu.Unlock()
	return err == nil && s.web[c.Value]
}

// forged says whether a form lacks the page's token, where that matters.
func (s *Service) forged(r *http.Request) bool {
	return r.PostFormValue("_csrf") != csrf && s.fails(WebCSRF)
}
