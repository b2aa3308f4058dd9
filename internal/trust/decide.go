package trust

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"envoyd/internal/fault"
)

// silence is how long the old key must not have answered before another one
// may take its place: longer than a firmware update takes.
const silence = time.Hour

// Check decides whether the host at address that shows key may be taken for
// the gateway serial, and remembers nothing. Handshakes call it: at that moment
// the host has not proved yet that it holds the key, so nothing may follow from
// what its certificate says. nil means go on; else a *fault.Error of kind
// Security names both keys and addresses and what to do.
//
// Without pins the first key passes. The same key passes in any certificate.
// Another key passes only when the pinned certificate has expired by a trusted
// clock, at the same address, and the pinned key has been silent for an hour.
// Configured pins win over all of this.
func (b *Book) Check(serial, address string, key Key, c Circumstances) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.check(serial, address, key, c)
}

// Present is Check after the handshake, when the host has proved to hold the
// key and has named the serial: what passes is remembered. When that cannot be
// written it still holds in memory, and Err says so.
func (b *Book) Present(serial, address string, key Key, c Circumstances) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.check(serial, address, key, c); err != nil {
		return err
	}
	b.remember(serial, address, key, c)
	return nil
}

func (b *Book) check(serial, address string, key Key, c Circumstances) error {
	if err := checkSerial(serial); err != nil {
		return err
	}
	if key.IsZero() {
		return refuse(serial, fmt.Errorf("%w (at %s)", ErrNoKey, address))
	}
	e := b.entries[serial]
	switch {
	case len(c.Configured) > 0:
		return checkConfigured(serial, address, key, c.Configured)
	case len(e.Pins) == 0 || e.pin(key.SHA256) != nil:
		return nil
	}
	for _, p := range e.Pins {
		if why := b.mayNotReplace(p, address, c); why != "" {
			return refuse(serial, fmt.Errorf("%w: key %s at %s, pinned %s at %s; not replaced by itself because %s",
				ErrOtherKey, key.SHA256, address, p.SHA256, p.Address, why))
		}
	}
	return nil
}

func checkConfigured(serial, address string, key Key, configured []string) error {
	for _, pin := range configured {
		if p, err := ParsePin(pin); err == nil && p == key.SHA256 {
			return nil
		}
	}
	err := refuse(serial, fmt.Errorf("%w: key %s at %s, configured %s",
		ErrOtherKey, key.SHA256, address, strings.Join(configured, " or ")))
	err.Mend = "If the gateway or its certificate was replaced, put the new key into `certificate` of gateway " + serial + "."
	return err
}

// mayNotReplace says why another key may not take the place of p by itself, ""
// when it may.
func (b *Book) mayNotReplace(p Pin, address string, c Circumstances) string {
	quiet := silence
	if b.recalled[p.SHA256] {
		quiet += seenEvery // the key may have answered this much later than the file knows
	}
	switch {
	case !c.ClockTrusted:
		return "our clock is not synchronised"
	case p.NotAfter.IsZero() || !c.Now.After(p.NotAfter):
		return "the pinned certificate has not expired"
	case p.Address != address:
		return "it answers at another address"
	case c.Now.Sub(p.LastSeen) < quiet:
		return "the pinned key answered within the last hour"
	}
	return ""
}

func (b *Book) remember(serial, address string, key Key, c Circumstances) {
	// A failed write is kept in b.failed; the pin holds in memory.
	_ = b.update(serial, c.Now, func(e *Entry) {
		e.HTTPS = true
		if len(c.Configured) > 0 {
			e.Pins = slices.DeleteFunc(e.Pins, func(p Pin) bool {
				return checkConfigured(serial, "", Key{SHA256: p.SHA256}, c.Configured) != nil
			})
		}
		p := e.pin(key.SHA256)
		if p == nil {
			if len(c.Configured) == 0 {
				e.Pins = nil // the new key takes the old one's place
			}
			e.Pins = append(e.Pins, Pin{SHA256: key.SHA256, LastSeen: c.Now})
			p = e.pin(key.SHA256)
		}
		p.NotAfter, p.Address = key.NotAfter, address
		delete(b.recalled, key.SHA256)
	})
	b.seen(serial, key.SHA256, c.Now)
}

// Seen notes that the pinned key answered at now. It writes the book at most
// each ten minutes; decisions of this process go by the exact time.
func (b *Book) Seen(serial, sha256 string, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen(serial, sha256, now)
}

func (b *Book) seen(serial, sha256 string, now time.Time) {
	e := b.entries[serial]
	p := e.pin(sha256)
	if p == nil {
		return
	}
	p.LastSeen = now
	delete(b.recalled, sha256)
	if since := now.Sub(b.saved); since >= seenEvery || since < 0 {
		_ = b.save(now) // kept in b.failed
	}
}

// Repin makes key the only one of the gateway, as a person decided with
// `envoyd trust`.
func (b *Book) Repin(serial string, key Key, address string) error {
	if key.IsZero() {
		return refuse(serial, fmt.Errorf("%w (at %s)", ErrNoKey, address))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	return b.update(serial, now, func(e *Entry) {
		e.HTTPS = true
		e.Pins = []Pin{{SHA256: key.SHA256, NotAfter: key.NotAfter, LastSeen: now, Address: address}}
		delete(b.recalled, key.SHA256)
	})
}

func refuse(serial string, err error) *fault.Error {
	return &fault.Error{
		Kind: fault.Security, Op: "checking the key of gateway " + serial, Err: err,
		Mend: "If the gateway or its certificate was replaced, run `envoyd trust -gateway " + serial + "`.",
	}
}
