package cloud

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// codeLife is how long a code can be exchanged.
const codeLife = 10 * time.Minute

// code is what the browser is sent back with.
type code struct {
	redirect string
	ends     time.Time
}

// grant is a pair of tokens.
type grant struct {
	access, refresh           string
	accessEnds, refreshEnds   time.Time
	user, kind, passwordSince string
	used                      bool   // the refresh token has been exchanged
	ended                     bool   // and is not good any more
	before                    *grant // the one it was exchanged for, until this one is used
}

// newCode begins a grant: six characters, good once.
func (c *Cloud) newCode(redirect string) string {
	text := strings.ToUpper(random(3))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.codes[text] = code{redirect, time.Now().Add(codeLife)}
	return text
}

// useCode takes a code that was given for a redirect address.
func (c *Cloud) useCode(text, redirect string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	have, ok := c.codes[text]
	delete(c.codes, text)
	return ok && have.redirect == redirect && time.Now().Before(have.ends)
}

// newGrant issues a pair of tokens, maybe for one that came before.
func (c *Cloud) newGrant(user, kind string, before *grant) *grant {
	now := time.Now()
	g := &grant{
		user: user, kind: kind, before: before, accessEnds: now.Add(c.cfg.Access), refreshEnds: now.Add(c.cfg.Refresh),
		passwordSince: "1700000000",
	}
	g.access = c.write(user, g.accessEnds)
	g.refresh = c.write(user, g.refreshEnds)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.access[g.access], c.refresh[g.refresh] = g, g
	return g
}

// useRefresh takes a refresh token for the next. It is good until one of those
// that it was exchanged for is used, because the answer may not have arrived;
// with Strict it is good once. The vendor does not say which of the two it is.
func (c *Cloud) useRefresh(text string) (*grant, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := c.refresh[text]
	if g == nil {
		return nil, false
	}
	if g.used {
		c.reused++
	}
	if g.ended || !time.Now().Before(g.refreshEnds) {
		return nil, false
	}
	g.arrived()
	g.used, g.ended = true, c.strict
	return g, true
}

// arrived ends what came before a grant that is used: its owner has it.
func (g *grant) arrived() {
	for old := g.before; old != nil; old = old.before {
		old.ended = true
	}
	g.before = nil
}

// Strict ends refresh tokens as soon as they are exchanged, or no longer.
func (c *Cloud) Strict(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.strict = on
}

// Reused counts how often a refresh token was shown that had been exchanged
// before: a client that did not get the newer one, or two that share it.
func (c *Cloud) Reused() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reused
}

// Revoke ends every grant, as the owner can in the app.
func (c *Cloud) Revoke() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.access)
	clear(c.refresh)
}

// Expire ends every access token now, and the refresh tokens when told so.
func (c *Cloud) Expire(all bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.access)
	if all {
		clear(c.refresh)
	}
}

// Grant gives consent without a browser: the answer of the token endpoint.
func (c *Cloud) Grant() map[string]any { return c.tokenDocument(c.newGrant("owner", "system", nil)) }

// authorized checks the access token of a data call.
func (c *Cloud) authorized(r *http.Request) bool {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	c.mu.Lock()
	defer c.mu.Unlock()
	g := c.access[token]
	if !ok || g == nil || !time.Now().Before(g.accessEnds) {
		return false
	}
	g.arrived()
	return true
}

// tokenDocument is what every grant answers with. expires_in is a few seconds
// short, as it is in the vendor's samples.
func (c *Cloud) tokenDocument(g *grant) map[string]any {
	return map[string]any{
		"access_token": g.access, "token_type": "bearer", "refresh_token": g.refresh,
		"expires_in": int(max(1, c.cfg.Access/time.Second-7)), "scope": "read write", "enl_uid": "1234567", "enl_cid": "",
		"enl_password_last_changed": g.passwordSince, "is_internal_app": false, "app_type": g.kind, "jti": random(16),
	}
}

// write makes a token that looks like the vendor's. Only this cloud knows it.
func (c *Cloud) write(user string, ends time.Time) string {
	claims, err := json.Marshal(map[string]any{
		"user_name": user, "client_id": c.cfg.Client, "scope": []string{"read", "write"}, "exp": ends.Unix(), "jti": random(16),
	})
	if err != nil {
		panic("claims could not be written: " + err.Error())
	}
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + encode(claims) + "." + encode([]byte(random(64)))
}

// random is 2n hex characters.
func random(n int) string {
	b := make([]byte, n)
	rand.Read(b) //nolint:errcheck // never fails since Go 1.24
	return hex.EncodeToString(b)
}
