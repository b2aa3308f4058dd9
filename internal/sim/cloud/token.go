package cloud

import "net/http"

// token is /oauth/token. Parameters come in the query or as a form.
func (c *Cloud) token(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	c.tokens++
	c.mu.Unlock()
	w.Header().Set("Cache-Control", "no-store")
	if r.Method != http.MethodPost {
		c.answer(w, http.StatusMethodNotAllowed, odd(http.StatusMethodNotAllowed).body)
		return
	}
	client, secret, ok := r.BasicAuth()
	if !ok || !same(client, c.cfg.Client) || !same(secret, c.cfg.Secret) {
		w.Header().Set("WWW-Authenticate", `Basic realm="oauth2/client"`)
		c.refuse(w, http.StatusUnauthorized, "invalid_client", "Bad client credentials")
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 1<<16)
	if err := r.ParseForm(); err != nil {
		c.refuse(w, http.StatusBadRequest, "invalid_request", "Malformed request")
		return
	}
	switch r.Form.Get("grant_type") {
	case "authorization_code":
		c.exchange(w, r)
	case "refresh_token":
		old, ok := c.useRefresh(r.Form.Get("refresh_token"))
		if !ok {
			c.refuse(w, http.StatusBadRequest, "invalid_grant", "Invalid refresh token")
			return
		}
		c.answer(w, http.StatusOK, c.tokenDocument(c.newGrant(old.user, c.kind(), old)))
	case "password":
		c.password(w, r)
	case "":
		c.refuse(w, http.StatusBadRequest, "invalid_request", "Missing grant type")
	default:
		c.refuse(w, http.StatusBadRequest, "unsupported_grant_type", "Unsupported grant type")
	}
}

// exchange takes the code of a consent.
func (c *Cloud) exchange(w http.ResponseWriter, r *http.Request) {
	if !c.useCode(r.Form.Get("code"), r.Form.Get("redirect_uri")) {
		c.refuse(w, http.StatusBadRequest, "invalid_grant", "Invalid authorization code, or another redirect_uri")
		return
	}
	c.answer(w, http.StatusOK, c.tokenDocument(c.newGrant("owner", c.kind(), nil)))
}

// password is the grant of partner applications.
func (c *Cloud) password(w http.ResponseWriter, r *http.Request) {
	switch {
	case !c.cfg.Partner:
		c.refuse(w, http.StatusUnauthorized, "unauthorized_client", "Unauthorized grant type: password")
	case r.Form.Get("username") != InstallerEmail || r.Form.Get("password") != InstallerPassword:
		c.refuse(w, http.StatusBadRequest, "invalid_grant", "Bad credentials")
	default:
		c.answer(w, http.StatusOK, c.tokenDocument(c.newGrant("installer", c.kind(), nil)))
	}
}

// kind is how a token tells which application it is for.
func (c *Cloud) kind() string {
	if c.cfg.Partner {
		return "partner"
	}
	return "system"
}

// refuse is the error of the token endpoint.
func (c *Cloud) refuse(w http.ResponseWriter, status int, code, description string) {
	c.answer(w, status, map[string]any{"error": code, "error_description": description})
}
