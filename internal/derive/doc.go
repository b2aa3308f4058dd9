// Package derive turns what a gateway answered into a reading.
//
// Every rule is a row of a table: which endpoints are worth asking at which
// pace (endpoint.go), which defects of which firmware to expect (quirk.go),
// which source serves which power (power.go) and which energy (account.go).
// MakePlan walks the tables once after a probe, and Derive follows that plan
// until there is another, so that a quantity never changes its source because
// of one bad answer: that is how other readers of this gateway make phantom
// megawatt-hours.
//
// The package is pure: it does no I/O, keeps no clock and remembers nothing but
// the newest answer of each endpoint in a Snapshot. It does not make lifetime
// energy; it names the raw counters and says how a flow is made of them
// (reading.Counter, reading.Account), and the ledger makes energy it can stand
// for. A Snapshot belongs to one goroutine.
package derive

import (
	"strconv"
	"strings"
)

// Identity is what /info says of the gateway.
type Identity struct {
	Serial    string
	Firmware  string // as /info writes it, "D8.2.4345" or "8.2.4345"
	IMeter    bool   // the gateway has metering hardware; no proof of a CT
	WebTokens bool   // answers need a token: firmware 7 and later
}

// version is a dotted firmware version, compared number by number.
type version []int

// versionOf parses "D8.2.4345"; letters are dropped. What is no version is
// newer than everything, so that all is probed and the general rules hold.
func versionOf(s string) version {
	s = strings.TrimLeft(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz ")
	var v version
	for part := range strings.SplitSeq(s, ".") {
		digits := part[:len(part)-len(strings.TrimLeft(part, "0123456789"))]
		n, err := strconv.Atoi(digits)
		if err != nil {
			break
		}
		v = append(v, n)
	}
	if len(v) == 0 {
		return version{1 << 30}
	}
	return v
}

// before reports whether v is older than the version that text names.
func (v version) before(text string) bool {
	w := versionOf(text)
	for i := range max(len(v), len(w)) {
		a, b := v.part(i), w.part(i)
		if a != b {
			return a < b
		}
	}
	return false
}

func (v version) part(i int) int {
	if i < len(v) {
		return v[i]
	}
	return 0
}

// within reports whether from <= v < until; an empty bound is open.
func (v version) within(from, until string) bool {
	return (from == "" || !v.before(from)) && (until == "" || v.before(until))
}
