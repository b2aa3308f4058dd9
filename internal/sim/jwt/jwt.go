// Package jwt signs and checks gateway tokens the way the vendor's service and
// the gateway do: compact, ES256, one audience (the gateway's serial).
//
// The simulation has its own key, so its tokens are worth nothing anywhere
// else. It is no general JWT library and reads nothing but these claims.
package jwt

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// Roles a token can have, and how long the vendor makes it valid.
const (
	Owner         = "owner"
	Installer     = "installer"
	OwnerLife     = 365 * 24 * time.Hour
	InstallerLife = 12 * time.Hour
)

// Why a token is refused.
var (
	ErrForm      = errors.New("not a token")
	ErrSignature = errors.New("signed by somebody else")
	ErrAudience  = errors.New("for another gateway")
	ErrTime      = errors.New("not valid at this time")
)

// Claims are what a gateway token says.
type Claims struct {
	Audience string `json:"aud"` // serial of the gateway
	Issuer   string `json:"iss"`
	Role     string `json:"enphaseUser"`
	Expires  int64  `json:"exp"` // epoch s
	Issued   int64  `json:"iat"` // epoch s
	ID       string `json:"jti"`
	Username string `json:"username"`
}

// Issuer signs tokens.
type Issuer struct {
	key *ecdsa.PrivateKey
	kid string
}

// NewIssuer makes an issuer with a key of its own.
func NewIssuer() (*Issuer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making the token key: %w", err)
	}
	return &Issuer{key: key, kid: uuid()}, nil
}

// Issue signs a token of a role for a gateway, valid from now on for as long
// as the vendor makes that role's tokens valid.
func (i *Issuer) Issue(serial, role, username string) (string, error) {
	life := OwnerLife
	if role == Installer {
		life = InstallerLife
	}
	now := time.Now()
	return i.Sign(Claims{
		Audience: serial, Issuer: "Entrez", Role: role, Username: username, ID: uuid(),
		Issued: now.Unix(), Expires: now.Add(life).Unix(),
	})
}

// Sign signs any claims, true or not.
func (i *Issuer) Sign(c Claims) (string, error) {
	head := fmt.Sprintf(`{"kid":%q,"typ":"JWT","alg":"ES256"}`, i.kid)
	body, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("writing the claims: %w", err)
	}
	text := encode([]byte(head)) + "." + encode(body)
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, i.key, sum[:])
	if err != nil {
		return "", fmt.Errorf("signing a token: %w", err)
	}
	sig := make([]byte, 64)
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return text + "." + encode(sig), nil
}

// Parse reads the claims of any well-formed token, whoever signed it.
func Parse(token string) (Claims, error) {
	c, _, err := parse(token)
	return c, err
}

// Verify reads the claims and checks that the issuer signed them.
func (i *Issuer) Verify(token string) (Claims, error) {
	c, sig, err := parse(token)
	if err != nil {
		return Claims{}, err
	}
	sum := sha256.Sum256([]byte(token[:strings.LastIndexByte(token, '.')]))
	r, s := new(big.Int).SetBytes(sig[:len(sig)/2]), new(big.Int).SetBytes(sig[len(sig)/2:])
	if len(sig) != 64 || !ecdsa.Verify(&i.key.PublicKey, sum[:], r, s) {
		return Claims{}, ErrSignature
	}
	return c, nil
}

// Check is what a gateway asks of the claims: that they are for it and for now.
func (c Claims) Check(serial string, now time.Time) error {
	if c.Audience != serial {
		return ErrAudience
	}
	if now.Unix() >= c.Expires {
		return ErrTime
	}
	return nil
}

// parse splits and decodes a token.
func parse(token string) (c Claims, sig []byte, err error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return c, nil, ErrForm
	}
	body, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return c, nil, ErrForm
	}
	if err := json.Unmarshal(body, &c); err != nil {
		return c, nil, ErrForm
	}
	sig, err = base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return c, nil, ErrForm
	}
	return c, sig, nil
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// uuid is a random (version 4) one.
func uuid() string {
	var b [16]byte
	rand.Read(b[:]) //nolint:errcheck // never fails since Go 1.24
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
