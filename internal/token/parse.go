package token

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strings"
	"time"

	"envoyd/internal/secret"
)

// What can be wrong with a text that should be a token. No error of this
// package ever quotes the text.
var (
	// ErrNotToken says that the text is no gateway token at all.
	ErrNotToken = errors.New("this is not a gateway token")
	// ErrUncommissioned says that the token is for a gateway that has not
	// been commissioned yet; envoyd has no use for one.
	ErrUncommissioned = errors.New("this token is for a gateway that is not commissioned yet")
	// ErrOtherGateway says that the token opens another gateway.
	ErrOtherGateway = errors.New("this token is for another gateway")
)

const maxTokenBytes = 8 << 10 // tokens seen are below 600 bytes; HTTP headers end somewhere

var (
	tokenShape = regexp.MustCompile(`^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$`)
	roleShape  = regexp.MustCompile(`^[a-z][a-z_-]{0,31}$`)
)

type claims struct {
	Audience audience    `json:"aud"`
	Role     any         `json:"enphaseUser"`
	Issued   json.Number `json:"iat"`
	Expires  json.Number `json:"exp"`
}

// audience is one name or a list of names; both are legal in a JWT.
type audience []string

// UnmarshalJSON takes both forms.
func (a *audience) UnmarshalJSON(b []byte) error {
	var one string
	if err := json.Unmarshal(b, &one); err == nil {
		*a = audience{one}
		return nil
	}
	var list []string
	if err := json.Unmarshal(b, &list); err != nil {
		return errors.New("aud is neither a text nor a list of texts")
	}
	*a = list
	return nil
}

// Parse reads the claims of a token. The text must be the bare token; see
// Pasted for what people paste. The signature is not checked.
func Parse(text string) (Token, error) {
	text = strings.TrimSpace(text)
	if len(text) > maxTokenBytes {
		return Token{}, fmt.Errorf("%w: it is longer than any token", ErrNotToken)
	}
	if !tokenShape.MatchString(text) {
		return Token{}, fmt.Errorf("%w: a token is three groups of letters and digits joined by two dots", ErrNotToken)
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(text, ".")[1])
	if err != nil {
		return Token{}, fmt.Errorf("%w: its middle part is damaged; copy the whole token again", ErrNotToken)
	}
	var c claims
	if err := json.Unmarshal(payload, &c); err != nil {
		// The decoder's own message can quote the content, so it stays here.
		return Token{}, fmt.Errorf("%w: its middle part does not hold the fields of one", ErrNotToken)
	}
	return c.token(text)
}

func (c claims) token(text string) (Token, error) {
	serial, err := c.Audience.serial()
	if err != nil {
		return Token{}, err
	}
	issued, err := epoch(c.Issued, "iat")
	if err != nil {
		return Token{}, err
	}
	expires, err := epoch(c.Expires, "exp")
	if err != nil {
		return Token{}, err
	}
	if !expires.After(issued) {
		return Token{}, fmt.Errorf("%w: it ends before it begins", ErrNotToken)
	}
	t := Token{Text: secret.New(text), Serial: serial, IssuedAt: issued, ExpiresAt: expires}
	t.Role = role(c.Role, t.Lifetime())
	return t, nil
}

func (a audience) serial() (string, error) {
	serial := ""
	for _, name := range a {
		switch {
		case name == "un-commissioned":
			return "", ErrUncommissioned
		case ValidSerial(name) && serial != "" && serial != name:
			return "", fmt.Errorf("%w: it names several gateways", ErrNotToken)
		case ValidSerial(name):
			serial = name
		}
	}
	if serial == "" {
		return "", fmt.Errorf("%w: it names no gateway by its twelve-digit serial", ErrNotToken)
	}
	return serial, nil
}

func epoch(n json.Number, claim string) (time.Time, error) {
	seconds, err := n.Float64()
	// Until the year 2200: beyond it is a mistake or milliseconds.
	if err != nil || math.IsNaN(seconds) || seconds <= 0 || seconds > 7258118400 {
		return time.Time{}, fmt.Errorf("%w: its field %s is not a time", ErrNotToken, claim)
	}
	return time.Unix(int64(seconds), 0).UTC(), nil
}

func role(claimed any, lifetime time.Duration) string {
	if name, ok := claimed.(string); ok && roleShape.MatchString(name) {
		return name
	}
	if lifetime <= day {
		return RoleInstaller
	}
	return RoleOwner
}

// Pasted reads a token as people copy it: with quotes or a leading "Bearer"
// around it, wrapped over lines by a mail program, or the whole JSON document
// that Enphase shows at /entrez-auth-token.
func Pasted(text string) (Token, error) {
	text = strings.TrimSpace(text)
	var document struct {
		Token string `json:"token"`
	}
	if strings.HasPrefix(text, "{") && json.Unmarshal([]byte(text), &document) == nil {
		text = document.Token
	}
	text = strings.Trim(text, `"'`)
	if len(text) > 7 && strings.EqualFold(text[:7], "bearer ") {
		text = text[7:]
	}
	t, err := Parse(strings.Join(strings.Fields(text), ""))
	if err != nil {
		return Token{}, err
	}
	t.Method = "pasted"
	return t, nil
}
