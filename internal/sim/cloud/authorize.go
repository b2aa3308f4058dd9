package cloud

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strings"
)

// Application is the name the owner sees.
const Application = "envoyd"

// browserCookie is the login of a browser at the consent page.
const browserCookie = "enphase_session"

// authorize is the consent: a login, a question, and the way back with a code.
func (c *Cloud) authorize(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<16)
	if err := r.ParseForm(); err != nil {
		c.page(w, http.StatusBadRequest, "Error", "<h1>Malformed request</h1>")
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		c.answer(w, http.StatusMethodNotAllowed, odd(http.StatusMethodNotAllowed).body)
		return
	}
	back, complaint := c.wayBack(r)
	if complaint != "" {
		c.page(w, http.StatusBadRequest, "OAuth Error", `<h1 id="error">`+html.EscapeString(complaint)+`</h1>`)
		return
	}
	if r.Form.Get("response_type") != "code" {
		c.sendBack(w, r, back, url.Values{"error": {"unsupported_response_type"}})
		return
	}
	if r.Method == http.MethodPost && r.PostForm.Has("email") {
		c.signIn(w, r)
		return
	}
	if !c.signedIn(r) {
		c.askLogin(w, r, "")
		return
	}
	switch decision := r.PostForm.Get("decision"); decision {
	case "approve":
		c.sendBack(w, r, back, url.Values{"code": {c.newCode(r.Form.Get("redirect_uri"))}})
	case "reject":
		c.sendBack(w, r, back, url.Values{"error": {"access_denied"}, "error_description": {"User denied access"}})
	default:
		c.askConsent(w, r)
	}
}

// wayBack checks what must be right before anybody is sent anywhere.
func (c *Cloud) wayBack(r *http.Request) (*url.URL, string) {
	if !same(r.Form.Get("client_id"), c.cfg.Client) {
		return nil, "No client with requested id"
	}
	text := r.Form.Get("redirect_uri")
	back, err := url.Parse(text)
	if text == "" || err != nil || !back.IsAbs() || back.Host == "" || back.Fragment != "" {
		return nil, "A redirect_uri is needed that is a full address"
	}
	if back.Scheme != "http" && back.Scheme != "https" {
		return nil, "A redirect_uri must be http or https"
	}
	return back, ""
}

// sendBack redirects with the answer and the state.
func (c *Cloud) sendBack(w http.ResponseWriter, r *http.Request, back *url.URL, answer url.Values) {
	all := back.Query()
	for name, values := range answer {
		all[name] = values
	}
	if state := r.Form.Get("state"); state != "" {
		all.Set("state", state)
	}
	to := *back
	to.RawQuery = all.Encode()
	http.Redirect(w, r, to.String(), http.StatusFound)
}

// signIn checks the owner's login.
func (c *Cloud) signIn(w http.ResponseWriter, r *http.Request) {
	if !c.cfg.Login(r.PostForm.Get("email"), r.PostForm.Get("password")) {
		c.askLogin(w, r, "Wrong e-mail or password")
		return
	}
	id := random(16)
	c.mu.Lock()
	c.browsers[id] = true
	c.mu.Unlock()
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure over plain HTTP would never come back
		Name: browserCookie, Value: id, Path: "/oauth", HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteLaxMode,
	})
	c.askConsent(w, r)
}

func (c *Cloud) signedIn(r *http.Request) bool {
	cookie, err := r.Cookie(browserCookie)
	c.mu.Lock()
	defer c.mu.Unlock()
	return err == nil && c.browsers[cookie.Value]
}

func (c *Cloud) askLogin(w http.ResponseWriter, r *http.Request, complaint string) {
	if complaint != "" {
		complaint = `<p id="error">` + complaint + "</p>\n"
	}
	c.page(w, http.StatusOK, "Enlighten - Sign in", complaint+form(r,
		`<label>E-mail <input id="email" name="email" type="email"/></label>
<label>Password <input id="password" name="password" type="password"/></label>
<button id="login" type="submit">Sign in</button>`))
}

func (c *Cloud) askConsent(w http.ResponseWriter, r *http.Request) {
	c.page(w, http.StatusOK, "Enlighten - Authorize", fmt.Sprintf(`<h1>%s wants to read your system %d</h1>
<p>System details, production, consumption, EV charger</p>
`, Application, c.cfg.System)+form(r,
		`<button id="approve" name="decision" value="approve" type="submit">Approve access</button>
<button id="reject" name="decision" value="reject" type="submit">Reject access</button>`))
}

// form carries the request along.
func form(r *http.Request, inner string) string {
	var out strings.Builder
	out.WriteString("<form method=\"post\" action=\"/oauth/authorize\">\n")
	for _, name := range []string{"response_type", "client_id", "redirect_uri", "state"} {
		if r.Form.Has(name) {
			fmt.Fprintf(&out, "<input type=\"hidden\" name=%q value=\"%s\"/>\n", name, html.EscapeString(r.Form.Get(name)))
		}
	}
	return out.String() + inner + "\n</form>"
}

// showCode is the default redirect address: it only shows the code.
func (c *Cloud) showCode(w http.ResponseWriter, r *http.Request) {
	got := r.URL.Query()
	if problem := got.Get("error"); problem != "" {
		c.page(w, http.StatusOK, "Authorization", `<h1>Access was not granted</h1><p id="error">`+html.EscapeString(problem)+"</p>")
		return
	}
	c.page(w, http.StatusOK, "Authorization", `<h1>Authorization code</h1><p><code id="code">`+html.EscapeString(got.Get("code"))+"</code></p>")
}
