package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"envoyd/internal/fault"
)

// digestRealm is the one realm of every gateway. A digest for another realm
// could be worth something elsewhere, so none is computed.
const digestRealm = "enphaseenergy.com"

// maxParameter bounds a nonce or opaque; gateways send up to 28 characters.
const maxParameter = 256

// challenge is what a gateway asks a digest for.
type challenge struct {
	realm, nonce, opaque, algorithm string
	qop                             string // a list, as it came
	stale                           bool   // the nonce was too old, the password not wrong
}

var errChallenge = errors.New("WWW-Authenticate cannot be read")

// parseChallenge returns the first Digest challenge of the WWW-Authenticate
// lines. Firmware 3.9.36 answers a wrong password with a line of a few bytes
// that are no challenge at all.
func parseChallenge(lines []string) (challenge, error) {
	for _, line := range lines {
		for rest := line; rest != ""; {
			scheme, params, after, ok := nextChallenge(rest)
			if !ok {
				break
			}
			if strings.EqualFold(scheme, "Digest") {
				return readChallenge(params), nil
			}
			rest = after
		}
	}
	return challenge{}, errChallenge
}

func readChallenge(params map[string]string) challenge {
	return challenge{
		realm: params["realm"], nonce: params["nonce"], opaque: params["opaque"],
		algorithm: params["algorithm"], qop: params["qop"], stale: strings.EqualFold(params["stale"], "true"),
	}
}

// nextChallenge cuts one scheme with its parameters off s. A parameter without
// a value can only be the next scheme.
func nextChallenge(s string) (scheme string, params map[string]string, rest string, ok bool) {
	scheme, s = cutToken(strings.TrimLeft(s, ", \t"))
	if scheme == "" {
		return "", nil, "", false
	}
	params = map[string]string{}
	for {
		s = strings.TrimLeft(s, ", \t")
		name, after := cutToken(s)
		value, isParam := strings.CutPrefix(strings.TrimLeft(after, " \t"), "=")
		if name == "" || !isParam {
			return scheme, params, s, true
		}
		if value, s, ok = cutValue(strings.TrimLeft(value, " \t")); !ok {
			return "", nil, "", false
		}
		if name = strings.ToLower(name); params[name] == "" {
			params[name] = value
		}
	}
}

// cutToken cuts the characters of an RFC 9110 token off s.
func cutToken(s string) (token, rest string) {
	i := 0
	for i < len(s) && isTokenByte(s[i]) {
		i++
	}
	return s[:i], s[i:]
}

func isTokenByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// cutValue cuts a token or a quoted string off s.
func cutValue(s string) (value, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		value, rest = cutToken(s)
		return value, rest, value != ""
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:], true
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return "", "", false
}

// acceptable says whether a digest may be computed for the challenge: MD5 with
// qop=auth for the realm of the gateways, and nothing that would break out of
// the header we build.
func (c challenge) acceptable() error {
	switch {
	case c.realm != digestRealm:
		return &fault.Error{Kind: fault.Security, Err: fmt.Errorf("%w: realm %.40q", ErrChallenge, c.realm)}
	case c.algorithm != "" && !strings.EqualFold(c.algorithm, "MD5"):
		return &fault.Error{Kind: fault.Auth, Err: fmt.Errorf("%w: algorithm %.20q", ErrChallenge, c.algorithm)}
	case !offersAuth(c.qop):
		return &fault.Error{Kind: fault.Auth, Err: fmt.Errorf("%w: without qop=auth", ErrChallenge)}
	case c.nonce == "" || !quotable(c.nonce) || !quotable(c.opaque):
		return &fault.Error{Kind: fault.Auth, Err: fmt.Errorf("%w: unusable nonce", ErrChallenge)}
	}
	return nil
}

func offersAuth(qop string) bool {
	for word := range strings.SplitSeq(qop, ",") {
		if strings.EqualFold(strings.TrimSpace(word), "auth") {
			return true
		}
	}
	return false
}

func quotable(s string) bool {
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return len(s) <= maxParameter
}

// challengeOf returns the challenge in a 401, if a digest may be computed for
// it.
func challengeOf(r reply) (challenge, error) {
	ch, err := parseChallenge(r.header.Values(http.CanonicalHeaderKey("WWW-Authenticate")))
	if err != nil {
		return challenge{}, &fault.Error{
			Kind: fault.Auth, Err: fmt.Errorf("%w: %w", ErrChallenge, err), Mend: mendPassword,
		}
	}
	return ch, ch.acceptable()
}
