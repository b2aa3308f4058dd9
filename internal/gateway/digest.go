package gateway

import (
	"context"
	"crypto/md5" //nolint:gosec // the one algorithm these gateways know
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"

	"envoyd/internal/fault"
	"envoyd/internal/secret"
)

const (
	digestUser = "envoy"
	// openToUser is the page that every firmware with digest shows to the user
	// envoy; others (/ivp/meters of 3.18.10, /production of 5.0.62) refuse even
	// a good password.
	openToUser = "/api/v1/production/inverters"

	mendPassword = "Check `password` of the gateway; it is the last six digits of the serial unless it was changed. " +
		"Firmware 3.9.36 answers a wrong password in a way that cannot be read."
)

// digest is the login of firmware 3.9 to 6.x, over plain HTTP only. The nonce
// is used until the gateway tires of it.
type digest struct {
	challenge challenge
	count     uint32          // requests with this nonce
	asked     map[string]bool // pages that want a login; no other gets one
	proven    bool            // the password was taken once
}

// askWithDigest asks q, with a digest when the gateway asks for one. The first
// 401 brings a nonce, a second one with stale=true another; a further 401 is a
// no.
func (c *Client) askWithDigest(ctx context.Context, q question) (reply, error) {
	var authorize authorizer
	if c.digest.asked[q.path] && c.digest.challenge.nonce != "" {
		authorize = c.authorizeDigest
	}
	r, err := c.ask(ctx, q, authorize)
	if err != nil || r.status != http.StatusUnauthorized {
		return r, err
	}
	for range 2 {
		if q.path != openToUser && r.header.Get("WWW-Authenticate") == "" {
			return r, nil // not a question of login
		}
		ch, err := challengeOf(r)
		if err != nil {
			return reply{}, err
		}
		c.digest.challenge, c.digest.count = ch, 0
		if r, err = c.ask(ctx, q, c.authorizeDigest); err != nil {
			return reply{}, err
		}
		if r.status != http.StatusUnauthorized {
			c.digest.taken(q.path)
			return r, nil
		}
		if again, err := parseChallenge(r.header.Values("WWW-Authenticate")); err != nil || !again.stale {
			break
		}
	}
	return reply{}, c.digest.refused(q, r)
}

// taken notes that the password was good for path.
func (d *digest) taken(path string) {
	if d.asked == nil {
		d.asked = map[string]bool{}
	}
	d.asked[path] = true
	d.proven = true
}

// refused tells a wrong password from a page that is not for our user.
func (d *digest) refused(q question, r reply) error {
	d.challenge = challenge{}
	_, err := parseChallenge(r.header.Values("WWW-Authenticate"))
	if q.path != openToUser && (d.proven || err == nil) {
		return &fault.Error{Kind: fault.Unsupported, Err: ErrNotAllowed}
	}
	d.proven = false
	return &fault.Error{Kind: fault.Auth, Err: fmt.Errorf("%w of the user %s", ErrPassword, digestUser), Mend: mendPassword}
}

// authorizeDigest answers the current challenge for q. Never over HTTPS:
// whatever asks for a digest there is no gateway we know.
func (c *Client) authorizeDigest(l *link, q question, h http.Header) error {
	if !l.key.IsZero() {
		return &fault.Error{Kind: fault.Security, Err: ErrChallenge}
	}
	if err := c.checkPlain(); err != nil {
		return err
	}
	c.digest.count++
	h.Set("Authorization", c.digest.challenge.answer(q.method, q.path, c.cfg.Password, c.digest.count, rand.Text()))
	return nil
}

// answer computes the Authorization of RFC 7616 with MD5 and qop=auth.
func (c challenge) answer(method, uri string, password secret.Text, count uint32, clientNonce string) string {
	nc := fmt.Sprintf("%08x", count)
	ha1 := md5Hex(digestUser + ":" + c.realm + ":" + password.Reveal())
	ha2 := md5Hex(method + ":" + uri)
	response := md5Hex(ha1 + ":" + c.nonce + ":" + nc + ":" + clientNonce + ":auth:" + ha2)
	header := fmt.Sprintf(`Digest username="%s", realm="%s", nonce="%s", uri="%s", algorithm=MD5, response="%s", qop=auth, nc=%s, cnonce="%s"`,
		digestUser, c.realm, c.nonce, uri, response, nc, clientNonce)
	if c.opaque != "" {
		header += `, opaque="` + c.opaque + `"`
	}
	return header
}

func md5Hex(s string) string {
	sum := md5.Sum([]byte(s)) //nolint:gosec // see above
	return hex.EncodeToString(sum[:])
}
