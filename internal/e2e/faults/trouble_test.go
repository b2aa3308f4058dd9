package faults_test

import (
	"testing"
	"time"

	"envoyd/internal/e2e"
	"envoyd/internal/sim"
	"envoyd/internal/sim/fault"
	"envoyd/internal/status"
)

// Whatever a gateway does wrong for longer than readings stay fresh: nothing
// wrong is published, everybody is told, it is left in peace, and all goes on
// by itself when it is well again.
func TestTroubleOfTheGateway(t *testing.T) {
	t.Parallel()
	clear := func(s *scene) { s.Sim.Gateway.Faults().Clear() }
	throw := func(kind fault.Kind) func(s *scene) {
		return func(s *scene) { s.Sim.Fault(kind, fault.Options{}) }
	}
	for _, c := range []struct {
		name    string
		begin   func(s *scene)
		gateway status.State // its condition meanwhile; "" = does not matter
	}{
		{"it refuses connections", throw(fault.Refuse), status.Yellow},
		{"it takes requests and never answers", throw(fault.Stall), status.Yellow},
		{"it cuts its answers off", throw(fault.Cut), status.Yellow},
		{"it answers with its start page", throw(fault.HTML), status.Yellow},
		{"it answers with nothing", throw(fault.Empty), status.Yellow},
		{"it answers 401", throw(fault.Unauthorized), status.Red},
		{"it answers 502", throw(fault.BadGateway), status.Yellow},
		{"it answers 503", throw(fault.Unavailable), status.Yellow},
		{"its meters stand still", throw(fault.Freeze), status.Green},
		{"it restarts with zeros", func(s *scene) {
			s.Sim.Restart(0)
			s.Sim.Fault(fault.Zeros, fault.Options{})
		}, ""},
		{"it restarts without meters", func(s *scene) {
			s.Sim.Restart(0)
			s.Sim.Fault(fault.NoMeters, fault.Options{})
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := play(t, e2e.Options{})
			requests, connections := s.asked()
			began := time.Now()
			c.begin(s)
			s.offline()
			if now := s.Condition("gateway/" + sim.DefaultSerial); c.gateway != "" && now.State != c.gateway {
				t.Errorf("the gateway's condition is %+v", now)
			}
			r, n := s.asked()
			if seconds := time.Since(began).Seconds(); float64(r-requests) > 1.5*seconds+25 || float64(n-connections) > seconds {
				t.Errorf("in %.0f s it was asked %d times over %d connections", seconds, r-requests, n-connections)
			}
			if got := s.Sim.Account.Logins(); got > 2 {
				t.Errorf("%d logins at Enphase", got)
			}
			clear(s)
			s.Fresh()
			s.online()
		})
	}
}

func TestShortTroubleIsNotEvenSeen(t *testing.T) {
	t.Parallel()
	s := play(t, e2e.Options{})
	for name, act := range map[string]func(){
		"session dropped":      s.Sim.Gateway.DropSessions,
		"connections dropped":  s.Sim.Gateway.DropConnections,
		"both, and then zeros": func() { s.Sim.Restart(2 * time.Second) },
		"one spike":            func() { s.Sim.Fault(fault.Spike, fault.Options{}) },
		"three spikes":         func() { s.Sim.Fault(fault.Spike, fault.Options{Count: 3}) },
		"a flickering CT":      func() { s.Sim.Fault(fault.Flicker, fault.Options{}) },
		"one empty answer":     func() { s.Sim.Fault(fault.Empty, fault.Options{Count: 1}) },
		"no meters for once":   func() { s.Sim.Fault(fault.NoMeters, fault.Options{Count: 1}) },
	} {
		act()
		s.Fresh()
		for range 3 {
			s.Fresh()
		}
		if got := s.sub.Last(sim.DefaultSerial + "/status").Payload; got != "online" {
			t.Errorf("after %s the status is %s", name, got)
		}
	}
	for _, m := range s.sub.All(sim.DefaultSerial + "/status") {
		if m.Payload != "online" && !m.Retained && m.At.After(s.sub.All("/power")[0].At) {
			t.Errorf("the status was once %s", m.Payload)
		}
	}
	if got := s.Sim.Account.Logins(); got != 1 {
		t.Errorf("%d logins at Enphase", got)
	}
}

func TestAnExpiredTokenIsReplacedOnce(t *testing.T) {
	t.Parallel()
	s := play(t, e2e.Options{})
	before := s.Sim.Account.Logins()
	s.Sim.Gateway.ExpireTokens()
	s.Sim.Gateway.DropSessions()
	s.Fresh()
	s.Fresh()
	s.online()
	if got := s.Sim.Account.Logins() - before; got != 1 {
		t.Errorf("%d logins for a new token", got)
	}
	s.Sim.Gateway.ExpireTokens() // and again at once: no second login within a day
	s.Sim.Gateway.DropSessions()
	s.offline()
	if got := s.Sim.Account.Logins() - before; got != 1 {
		t.Errorf("%d logins in a minute", got)
	}
	if c := s.Condition("token/" + sim.DefaultSerial); c.State == status.Green || c.Mend == "" {
		t.Errorf("the token's condition is %+v", c)
	}
}
