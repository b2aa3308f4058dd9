package gateway

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"envoyd/internal/fault"
	"envoyd/internal/secret"
)

const (
	checkPath  = "/auth/check_jwt"
	cookieName = "sessionId"
	maxCookie  = 512
	// clockSlack is how far the gateway's clock may be off before a refused
	// token may be its fault.
	clockSlack = time.Minute
	// freshFor is how long after a good check_jwt a refusal is believed to be
	// about the page: an installer's token meets many such pages in a row.
	freshFor = time.Minute
)

// session is what check_jwt gave for a token. It is kept over connections to
// the same key and ends after some ten idle minutes, a restart or an update.
type session struct {
	token, cookie secret.Text
	key           string // of the gateway that gave it
	begun         time.Time
	opened        map[string]bool // pages that it has opened
	proof         question        // the last of them that is fast: it tells whether the session lives
}

// fits reports whether the session is one for this token.
func (s session) fits(token secret.Text) bool { return !s.token.IsZero() && s.token == token }

// authorize adds the token, and the cookie if l leads to who gave it. Both are
// sent with each request: firmware 7.0 and 7.3 want the cookie on some pages,
// others the token.
func (s session) authorize(l *link, _ question, h http.Header) error {
	if l.key.IsZero() {
		return &fault.Error{Kind: fault.Security, Err: ErrPlainHTTP}
	}
	h.Set("Authorization", "Bearer "+s.token.Reveal())
	if !s.cookie.IsZero() && s.key == l.key.SHA256 {
		h.Set("Cookie", cookieName+"="+s.cookie.Reveal())
	}
	return nil
}

// mayBeLost reports whether a refusal of the page may mean that the session
// went: it opened this page before, is another gateway's, or is not fresh.
func (s session) mayBeLost(q question, l *link) bool {
	return s.opened[q.path] || s.key != l.key.SHA256 || time.Since(s.begun) >= freshFor
}

// open notes that the session has opened a page.
func (s *session) open(q question) {
	s.opened[q.path] = true
	if !q.slow && q.method == http.MethodGet {
		s.proof = q
	}
}

// askWithToken asks q as firmware 7 and later want it. A 401 usually means that
// the session went, not the token, so it is renewed once; if the login is good
// and the page still refuses, the role is too low for it. That is known without
// another login when the last one is fresh and a page it opened is still open.
func (c *Client) askWithToken(ctx context.Context, q question) (reply, error) {
	token := c.cfg.Token()
	if token.IsZero() {
		return reply{}, &fault.Error{
			Kind: fault.Auth, Err: ErrNoToken,
			Mend: "Run `envoyd token login`, or paste a token with `envoyd token set`.",
		}
	}
	if !c.session.fits(token) {
		if err := c.login(ctx, token); err != nil {
			return reply{}, err
		}
	}
	r, err := c.ask(ctx, q, c.session.authorize)
	if err == nil && denied(r) {
		r, err = c.askAgain(ctx, q, token, r)
	}
	if err == nil && !denied(r) {
		c.session.open(q)
	}
	return r, err
}

// askAgain asks a page that refused once more after a new login, unless the
// session has not been lost: then the refusal stands.
func (c *Client) askAgain(ctx context.Context, q question, token secret.Text, refusal reply) (reply, error) {
	if !c.session.mayBeLost(q, c.link) {
		if c.session.proof.path == "" {
			return refusal, nil
		}
		if r, err := c.ask(ctx, c.session.proof, c.session.authorize); err != nil || !denied(r) {
			return refusal, err
		}
	}
	if err := c.login(ctx, token); err != nil {
		return reply{}, err
	}
	return c.ask(ctx, q, c.session.authorize)
}

func denied(r reply) bool {
	return r.status == http.StatusUnauthorized || r.status == http.StatusForbidden
}

// CheckToken asks the connected gateway whether it takes the token, which need
// not be the one in use. Faults: Auth with ErrTokenRefused or ErrTokenForeign,
// Unsupported below firmware 7, else as Get.
func (c *Client) CheckToken(ctx context.Context, token secret.Text) error {
	done, err := c.takeTurn(ctx)
	if err != nil {
		return err
	}
	defer done()
	if err = c.begin(ctx); err == nil {
		err = c.checkToken(ctx, token)
	}
	if err != nil {
		return c.wrap("showing gateway "+c.cfg.Serial+" a token", err)
	}
	return nil
}

func (c *Client) checkToken(ctx context.Context, token secret.Text) error {
	if c.link.key.IsZero() || !c.info.NeedsToken() {
		return &fault.Error{Kind: fault.Unsupported, Err: fmt.Errorf("firmware %s knows no tokens", c.info.Firmware)}
	}
	_, err := c.validate(ctx, token)
	return err
}

// login replaces the session by a new one.
func (c *Client) login(ctx context.Context, token secret.Text) error {
	c.session = session{}
	s, err := c.validate(ctx, token)
	if err != nil {
		return fmt.Errorf("logging in: %w", err)
	}
	c.session = s
	return nil
}

// validate shows the token to check_jwt. Only a 401 from there means that the
// gateway refuses it. Good is a 200 with a session or with the known sentence.
func (c *Client) validate(ctx context.Context, token secret.Text) (session, error) {
	if err := c.checkAudience(token); err != nil {
		return session{}, err
	}
	bare := session{token: token}
	r, err := c.ask(ctx, question{method: http.MethodGet, path: checkPath}, bare.authorize)
	if err != nil {
		return session{}, err
	}
	if r.status == http.StatusUnauthorized {
		return session{}, c.refusal()
	}
	cookie := sessionCookie(r.header)
	if r.status != http.StatusOK || cookie.IsZero() && !bytes.Contains(r.body, []byte("Valid token")) {
		return session{}, &fault.Error{After: wish(r), Err: fmt.Errorf("%s: neither yes nor no, status %d", checkPath, r.status)}
	}
	return session{token: token, cookie: cookie, key: c.link.key.SHA256, begun: time.Now(), opened: map[string]bool{}}, nil
}

// refusal is the gateway's no to a token, with the one cause a token has no
// part in: a gateway whose clock is outside the token's time.
func (c *Client) refusal() error {
	err := ErrTokenRefused
	if skew := c.info.Received.Sub(c.info.Time).Round(time.Second); !c.info.Time.IsZero() && skew.Abs() > clockSlack {
		err = fmt.Errorf("%w; its clock differs from ours by %s", err, skew.Abs())
	}
	return &fault.Error{Kind: fault.Auth, Err: err, Mend: "Run `envoyd token renew`, or paste a new token with `envoyd token set`."}
}

func sessionCookie(h http.Header) secret.Text {
	for _, c := range (&http.Response{Header: h}).Cookies() {
		if c.Name == cookieName && c.Value != "" && len(c.Value) <= maxCookie {
			return secret.New(c.Value)
		}
	}
	return secret.Text{}
}

// checkAudience reads for which gateway a token is, without verifying it: a
// token for another one is never sent.
func (c *Client) checkAudience(token secret.Text) error {
	aud, ok := audience(token.Reveal())
	if ok && slices.Contains(aud, c.cfg.Serial) {
		return nil
	}
	err := ErrTokenForeign
	if !ok {
		err = fmt.Errorf("%w, or no token at all", ErrTokenForeign)
	}
	return &fault.Error{
		Kind: fault.Auth, Err: err,
		Mend: "Get a token for gateway " + c.cfg.Serial + ": `envoyd token login`, or paste one with `envoyd token set`.",
	}
}

// audience returns the aud claim, a text or a list of texts.
func audience(token string) ([]string, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, false
	}
	for _, p := range parts {
		if _, err := base64.RawURLEncoding.DecodeString(p); err != nil || p == "" {
			return nil, false
		}
	}
	payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct {
		Aud json.RawMessage `json:"aud"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return nil, false
	}
	var many []string
	var one string
	if json.Unmarshal(claims.Aud, &many) == nil {
		return many, true
	}
	return []string{one}, json.Unmarshal(claims.Aud, &one) == nil
}
