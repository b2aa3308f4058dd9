package gateway

import (
	"context"
	"net"
	"time"

	"envoyd/internal/secret"
)

// SetDial lets a test decide where connections go.
func (c *Client) SetDial(dial func(ctx context.Context, network, address string) (net.Conn, error)) {
	c.dial = dial
}

// AgeSession makes the login older than it is.
func (c *Client) AgeSession(by time.Duration) { c.session.begun = c.session.begun.Add(-by) }

// The parsers, for fuzzing.
var (
	ParseInfo   = parseInfo
	ParseTarget = func(s string) (string, error) { t, err := parseTarget(s); return t.String(), err }
	TargetBase  = func(s, scheme string) string { t, _ := parseTarget(s); return t.with(scheme).base() }
	Audience    = audience
)

// Challenge is what a test sees of a challenge.
type Challenge struct {
	Realm, Nonce, QOP, Algorithm, Opaque string
	Stale                                bool
}

// ParseChallenge parses WWW-Authenticate lines.
func ParseChallenge(lines []string) (Challenge, error) {
	c, err := parseChallenge(lines)
	return Challenge{c.realm, c.nonce, c.qop, c.algorithm, c.opaque, c.stale}, err
}

// Acceptable says whether a digest would be computed for the lines.
func Acceptable(lines []string) error {
	c, err := parseChallenge(lines)
	if err != nil {
		return err
	}
	return c.acceptable()
}

// DigestAnswer computes the Authorization for the first challenge in lines.
func DigestAnswer(lines []string, method, uri, password string, count uint32, clientNonce string) string {
	c, _ := parseChallenge(lines)
	return c.answer(method, uri, secret.New(password), count, clientNonce)
}
