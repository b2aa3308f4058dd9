// Package token keeps the tokens that open an Enphase gateway with firmware 7
// or later: what is inside one, where they lie on disk, and when a new one is
// to be fetched.
//
// A token is good for one gateway and, for a homeowner, for a year; there is
// no refresh, only another login. So the rule everywhere is: use what lives,
// ask for a new one early and rarely, replace the stored one only after the
// gateway itself has accepted the new one, and never repeat a login that could
// lock the account.
//
// It verifies no signature (the gateway is the judge of that), knows no web
// page (package entrez does) and never prints a token.
package token

import (
	"regexp"
	"time"

	"envoyd/internal/secret"
)

// The roles that a token's enphaseUser claim has been seen to name.
const (
	RoleOwner     = "owner"     // 365 days
	RoleInstaller = "installer" // 12 hours
)

const (
	renewBefore = 30 * 24 * time.Hour // owner tokens are renewed this long before they end
	day         = 24 * time.Hour
)

// serialShape is the only form of a serial that may become a file name or be
// sent anywhere.
var serialShape = regexp.MustCompile(`^[0-9]{12}$`)

// ValidSerial reports whether s is a gateway's serial: exactly twelve digits.
func ValidSerial(s string) bool { return serialShape.MatchString(s) }

// Token is one gateway token with what its claims say.
type Token struct {
	Text       secret.Text // the JWT itself
	Serial     string      // the one gateway it opens (claim aud), 12 digits
	Role       string      // claim enphaseUser: owner or installer; guessed from the lifetime when it is missing
	IssuedAt   time.Time   // claim iat
	ExpiresAt  time.Time   // claim exp
	ObtainedAt time.Time   // when we got it; zero for a configured one
	Method     string      // how we got it: "tokens", "entrez-auth-token", "web", "pasted", "configured"
}

// Lifetime is how long the token was issued for.
func (t Token) Lifetime() time.Duration { return t.ExpiresAt.Sub(t.IssuedAt) }

// Usable reports whether the token may be tried. Only a clock that can be
// trusted condemns a token: a Pi without a battery-backed clock boots in the
// past, and the gateway is the judge in the end.
func (t Token) Usable(now time.Time, clockTrusted bool) bool {
	if t.Text.IsZero() {
		return false
	}
	return !clockTrusted || now.Before(t.ExpiresAt)
}

// DaysLeft is the time until the token ends in days, with a fraction; negative
// once it has ended.
func (t Token) DaysLeft(now time.Time) float64 {
	return t.ExpiresAt.Sub(now).Hours() / 24
}

// RenewAt is when the search for a successor begins: 30 days before the end,
// or at half life for tokens that live shorter than that allows (installer
// tokens, 12 hours).
func (t Token) RenewAt() time.Time {
	return t.ExpiresAt.Add(-min(renewBefore, t.Lifetime()/2))
}

// jitterSpan is the span over which the first try is spread, so that a street
// full of daemons does not log in at the same minute.
func (t Token) jitterSpan() time.Duration { return min(day, t.Lifetime()/24) }
