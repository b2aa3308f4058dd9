// Package trust remembers what proves each gateway to be itself: the public
// key it showed, whether it speaks HTTPS, where it answered last. Gateways sign
// their own certificates, so the first key seen is kept and every later one is
// measured by it.
//
// It decides and remembers; it opens no connection and asks nobody. What a
// host says of itself without proof (serial, firmware, names) decides nothing
// here in its favour.
package trust

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Errors that a Book refuses with. They come inside a *fault.Error of kind
// Security.
var (
	ErrOtherKey = errors.New("the gateway shows another key than the one that was pinned")
	ErrTwoKeys  = errors.New("two hosts claim to be the same gateway")
	ErrNoKey    = errors.New("the host showed no key")
)

// Entry is what is known of one gateway.
type Entry struct {
	Serial   string    `json:"serial"`             // 12 digits
	Pins     []Pin     `json:"pins,omitempty"`     // the keys it may show; empty before the first HTTPS connection
	HTTPS    bool      `json:"https,omitempty"`    // once seen with HTTPS or firmware 7 or later: never HTTP or digest again
	Firmware string    `json:"firmware,omitempty"` // as /info said last, without letters
	Address  string    `json:"address,omitempty"`  // where it answered last: IP, with port when that is not the usual one
	Adopted  bool      `json:"adopted,omitempty"`  // taken as ours without being configured
	Updated  time.Time `json:"updated"`            // when any of this changed last
}

// Pin is a key that a gateway proved to hold.
type Pin struct {
	SHA256   string    `json:"sha256"`    // hex, of the SubjectPublicKeyInfo
	NotAfter time.Time `json:"not_after"` // end of the newest certificate it came in
	LastSeen time.Time `json:"last_seen"` // last answer; on disk at most ten minutes behind
	Address  string    `json:"address"`   // where it answered last
}

// Key is what a host shows in a TLS handshake. The zero Key means no TLS.
type Key struct {
	SHA256              string // hex, of the SubjectPublicKeyInfo
	NotBefore, NotAfter time.Time
}

// IsZero reports whether there is no key: plain HTTP.
func (k Key) IsZero() bool { return k.SHA256 == "" }

// KeyOf returns the key of a certificate.
func KeyOf(cert *x509.Certificate) Key {
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return Key{SHA256: hex.EncodeToString(sum[:]), NotBefore: cert.NotBefore, NotAfter: cert.NotAfter}
}

// Circumstances are what a decision about a key depends on besides the key.
type Circumstances struct {
	Now          time.Time
	ClockTrusted bool     // Now comes from a synchronised clock
	Configured   []string // pins of the configuration; they win over everything remembered
}

// ParsePin returns a pin in the form kept here: 64 lower-case hex digits. It
// takes upper case, colons between bytes and the prefix "sha256:" too.
func ParsePin(s string) (string, error) {
	p := strings.ToLower(strings.TrimSpace(s))
	p = strings.ReplaceAll(strings.TrimPrefix(p, "sha256:"), ":", "")
	if raw, err := hex.DecodeString(p); err != nil || len(raw) != sha256.Size {
		return "", fmt.Errorf("not a SHA-256 of a public key (64 hex digits): %q", s)
	}
	return p, nil
}

// clone keeps callers from changing what the Book holds.
func (e Entry) clone() Entry {
	e.Pins = slices.Clone(e.Pins)
	return e
}

func (e *Entry) pin(sha string) *Pin {
	for i := range e.Pins {
		if e.Pins[i].SHA256 == sha {
			return &e.Pins[i]
		}
	}
	return nil
}

func (e *Entry) equal(o Entry) bool {
	return slices.EqualFunc(e.Pins, o.Pins, samePin) && e.HTTPS == o.HTTPS && e.Firmware == o.Firmware &&
		e.Address == o.Address && e.Adopted == o.Adopted
}

func samePin(a, b Pin) bool {
	return a.SHA256 == b.SHA256 && a.Address == b.Address && a.NotAfter.Equal(b.NotAfter) && a.LastSeen.Equal(b.LastSeen)
}
