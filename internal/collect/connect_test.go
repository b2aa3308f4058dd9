package collect_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"envoyd/internal/collect"
	"envoyd/internal/fault"
	"envoyd/internal/gateway"
	"envoyd/internal/status"
)

var missing = &fault.Error{
	Kind: fault.Auth, Op: "asking", Err: gateway.ErrNoToken, Mend: "Run `envoyd token login`.",
}

// noToken lets the gateway ask for a token that is not there yet.
func noToken(r *rig, coming bool) *atomic.Bool {
	var fetched atomic.Bool
	fetched.Store(coming)
	r.cfg.TokenComing = fetched.Load
	r.fake.page = func(string) (string, time.Duration, error) { return "", 0, missing }
	return &fetched
}

func TestATokenThatIsBeingFetchedIsNoAlarm(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		noToken(r, true)
		r.run()
		r.pass(10 * time.Minute)
		c := r.board.Get("gateway/" + serial)
		if c.State != status.Yellow || c.Mend != "" || !strings.Contains(c.Message, "being fetched from Enphase") {
			t.Errorf("condition is %+v", c)
		}
		if strings.Contains(r.log.String(), "state=red") {
			t.Errorf("it was red for a while:\n%s", r.log)
		}
		r.fake.change(func() { r.fake.page = nil })
		r.token.Store(time.Now().Unix())
		r.pass(time.Second)
		if !r.good() || r.state("gateway") != status.Green {
			t.Errorf("the token did not end the wait: %+v", r.board.Conditions())
		}
	})
}

func TestALoginThatFailedForGoodIsSaidAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		coming := noToken(r, true)
		r.run()
		r.pass(10 * time.Minute)
		coming.Store(false)
		r.pass(time.Second)
		if c := r.board.Get("gateway/" + serial); c.State != status.Red || c.Mend != missing.Mend {
			t.Errorf("condition is %+v", c)
		}
	})
}

func TestATokenThatNobodyFetchesIsAnAlarm(t *testing.T) {
	for name, change := range map[string]func(*rig){
		"no account":            func(r *rig) { r.cfg.TokenComing = nil },
		"a login that said no":  func(*rig) {},
		"another reason to ask": func(r *rig) { noToken(r, true); refuseAll(r) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				noToken(r, false)
				change(r)
				r.run()
				r.pass(time.Second)
				if c := r.board.Get("gateway/" + serial); c.State != status.Red {
					t.Errorf("condition is %+v", c)
				}
			})
		})
	}
}

func refuseAll(r *rig) {
	r.fake.page = func(string) (string, time.Duration, error) { return "", 0, refused }
}

// What the search ended in is said where it explains more than that nobody is
// there.
func TestWhyTheSearchGaveNoAddressIsSaid(t *testing.T) {
	twoKeys := &fault.Error{Kind: fault.Security, Op: "meeting", Err: errors.New("two hosts with two keys"), Mend: "Find out which."}
	noNetwork := &fault.Error{Op: "looking", Err: errors.New("no usable interface"), Mend: "Connect this computer."}
	for name, c := range map[string]struct {
		failure       error
		remembered    string
		state         status.State
		message, mend string
	}{
		"two keys for one serial":           {failure: twoKeys, state: status.Red, message: "meeting: two hosts", mend: "Find out which."},
		"two keys and a remembered place":   {failure: twoKeys, remembered: "old", state: status.Red, message: "meeting: two hosts", mend: "Find out which."},
		"no network":                        {failure: noNetwork, state: status.Yellow, message: "no usable interface", mend: "Connect this computer."},
		"a cause without a mend":            {failure: errors.New("odd"), state: status.Yellow, message: "odd", mend: "Check that the gateway has power and"},
		"no network, but a place was tried": {failure: noNetwork, remembered: "old", state: status.Yellow, message: "no gateway answers there"},
		"nobody heard":                      {state: status.Yellow, message: "no host on the network says", mend: "Check that the gateway has power and"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.cfg.Address, r.fake.address = "", "nowhere"
				r.cfg.Remembered = func() string { return c.remembered }
				r.cfg.Find = func(context.Context) ([]string, error) { return nil, c.failure }
				r.run()
				for range 20 { // also between two searches
					r.pass(5 * time.Second)
					got := r.board.Get("gateway/" + serial)
					if got.State != c.state || !strings.Contains(got.Message, c.message) || !strings.HasPrefix(got.Mend, c.mend) {
						t.Fatalf("condition is %+v", got)
					}
				}
			})
		})
	}
}

func TestOneReadingSaysWhyNothingWasFound(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		failure := &fault.Error{Kind: fault.Security, Op: "meeting", Err: errors.New("two keys"), Mend: "Find out which."}
		r.cfg.Address = ""
		r.cfg.Find = func(context.Context) ([]string, error) { return nil, failure }
		_, _, err := collect.New(r.cfg).Once(t.Context())
		if !errors.Is(err, failure) || !fault.Is(err, fault.Security) || fault.Mend(err) != failure.Mend {
			t.Errorf("got %v, mend %q", err, fault.Mend(err))
		}
	})
}
