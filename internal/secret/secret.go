// Package secret holds a text that must not be seen: passwords, tokens,
// session ids, client secrets. Whatever prints, logs or marshals a Text gets
// stars; only Reveal gives it away, so its calls are easy to find and count.
package secret

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

const stars = "***"

// Text is a secret. The zero Text is "not set".
type Text struct{ s string }

// New returns s as a secret.
func New(s string) Text { return Text{s} }

// Reveal returns the secret itself. Call it only where it is sent.
func (t Text) Reveal() string { return t.s }

// IsZero reports whether the secret is not set.
func (t Text) IsZero() bool { return t.s == "" }

// String prints stars, or nothing when the secret is not set.
func (t Text) String() string {
	if t.s == "" {
		return ""
	}
	return stars
}

// Format keeps every verb from looking inside, %d and %#v too.
func (t Text) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, t.String()) }

// LogValue keeps slog from looking inside.
func (t Text) LogValue() slog.Value { return slog.StringValue(t.String()) }

// MarshalText keeps encoders from looking inside.
func (t Text) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads a secret from a configuration file.
func (t *Text) UnmarshalText(b []byte) error { t.s = string(b); return nil }

// Equal compares two secrets in constant time.
func (t Text) Equal(o Text) bool { return subtle.ConstantTimeCompare([]byte(t.s), []byte(o.s)) == 1 }
