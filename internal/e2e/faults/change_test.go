package faults_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"envoyd/internal/e2e"
	"envoyd/internal/reading"
	"envoyd/internal/sim"
	"envoyd/internal/sim/fault"
	"envoyd/internal/sim/home"
	"envoyd/internal/status"
)

func TestTheConfigurationIsReadAgain(t *testing.T) {
	t.Parallel()
	s := play(t, e2e.Options{})
	address, err := s.Sim.Gateway.Move("")
	if err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(s.File)
	if err != nil {
		t.Fatal(err)
	}
	rewrite(t, s.File, string(good)+"mqttt: {}\n")
	s.Reload()
	s.Wait("the bad file to be told of", func() bool {
		c := s.Condition("config")
		return c.State == status.Yellow && strings.Contains(c.Message, "mqttt") && c.Mend != ""
	})
	s.offline()
	s.SetAddress(address)
	s.Reload()
	s.Fresh()
	s.online()
	if c := s.Condition("config"); c.State != status.Green {
		t.Errorf("condition is %+v", c)
	}
	if n := s.Sim.Account.Logins(); n != 1 {
		t.Errorf("%d logins at Enphase", n)
	}
}

func TestABadFileChangesNothing(t *testing.T) {
	t.Parallel()
	s := play(t, e2e.Options{})
	rewrite(t, s.File, "gateways: [{serial: 12}]\n")
	s.Reload()
	s.Wait("the bad file to be told of", func() bool { return s.Condition("config").State == status.Yellow })
	for range 3 {
		s.Fresh()
	}
	s.online()
	for _, m := range s.sub.All(sim.DefaultSerial + "/status") {
		if m.Payload == "offline" && m.At.After(s.sub.All(sim.DefaultSerial + "/power")[0].At) {
			t.Error("the status was offline meanwhile")
		}
	}
}

func rewrite(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

const second = "122333444666"

// neighbour starts another gateway and returns its block of the configuration.
func neighbour(t *testing.T, s *scene, cfg sim.Config) (gateway *sim.Sim, block string) {
	t.Helper()
	cfg.Serial, cfg.Home.Noon = second, true
	other, err := sim.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.StopDaemon()
		if err := other.Close(); err != nil {
			t.Error(err)
		}
	})
	token := filepath.Join(s.Dir, "token2")
	rewrite(t, token, other.Token())
	return other, "serial: \"" + second + "\", address: \"" + other.Gateway.Addr() + "\", token_file: \"" + token + "\""
}

// edit changes the configuration's first line, which lists the gateways.
func (s *scene) edit(change func(line string) string) {
	s.t.Helper()
	text, err := os.ReadFile(s.File)
	if err != nil {
		s.t.Fatal(err)
	}
	line, rest, _ := strings.Cut(string(text), "\n")
	if err := os.WriteFile(s.File, []byte(change(line)+"\n"+rest), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func TestSeveralGatewaysDoNotDisturbEachOther(t *testing.T) {
	t.Parallel()
	s := play(t, e2e.Options{})
	other, block := neighbour(t, s, sim.Config{Preset: sim.Metered})
	s.edit(func(line string) string { return strings.TrimSuffix(line, "]") + ", {" + block + "}]" })
	s.Reload()
	s.Wait("both online", func() bool {
		return s.sub.Last(second+"/status").Payload == "online" && s.sub.Last(sim.DefaultSerial+"/status").Payload == "online"
	})
	truth := other.Truth(time.Now()).ProductionW
	s.Wait("power of the second", func() bool { return len(s.sub.Numbers(second+"/power", "production_w")) > 1 })
	for _, w := range s.sub.Numbers(second+"/power", "production_w") {
		if w < truth*0.5-100 || w > truth*1.5+100 {
			t.Errorf("the second produces %v W, in truth %v W", w, truth)
		}
	}
	other.Fault(fault.Refuse, fault.Options{})
	s.Wait("the second to be offline", func() bool { return s.sub.Last(second+"/status").Payload == "offline" })
	s.Fresh()
	s.online()
	other.Gateway.Faults().Clear()
	s.Wait("the second to be back", func() bool { return s.sub.Last(second+"/status").Payload == "online" })
}

func TestAReplacedGatewayKeepsItsName(t *testing.T) {
	t.Parallel()
	s := play(t, e2e.Options{})
	before := s.Fresh()
	s.StopDaemon()
	_, block := neighbour(t, s, sim.Config{Home: home.Config{LifetimeWh: 100}})
	s.edit(func(string) string {
		return "gateways: [{" + block + ", replaces: \"" + sim.DefaultSerial + "\", name: Home}]"
	})
	s.StartDaemon()
	after := s.Until("a reading of the new hardware", func(r *reading.Reading) bool { return r.Serial == second })
	if after.Gateway != sim.DefaultSerial {
		t.Errorf("the installation is called %s by now", after.Gateway)
	}
	s.Wait("status online", func() bool { return s.sub.Last(sim.DefaultSerial+"/status").Payload == "online" })
	for _, f := range reading.Flows() {
		was, is := before.Energy.At(f).Or(0), after.Energy.At(f).Or(0)
		if is < was || is > was+500 {
			t.Errorf("%s went from %v to %v", f, was, is)
		}
	}
	for _, m := range s.sub.All("") {
		if strings.HasPrefix(m.Topic, "envoyd/"+second) && m.Payload != "" {
			t.Errorf("a topic under the new serial: %s", m.Topic)
		}
	}
}

// A killed daemon goes on where it was: the witness sees no counter step.
func TestAKilledDaemonGoesOnWithoutAStep(t *testing.T) {
	t.Parallel()
	e2e.Program(t) // built before anything waits
	s := play(t, e2e.Options{Process: true})
	for range 4 {
		before := s.Fresh()
		s.Kill()
		s.StartDaemon()
		after := s.Fresh()
		for _, f := range reading.Flows() {
			was, is := before.Energy.At(f).Or(0), after.Energy.At(f).Or(0)
			if is < was || is > was+200 {
				t.Errorf("%s went from %v to %v", f, was, is)
			}
			was, is = before.Today.At(f).Or(0), after.Today.At(f).Or(0)
			if is < was || is > was+200 {
				t.Errorf("today's %s went from %v to %v", f, was, is)
			}
		}
	}
	s.online()
	if n := s.Sim.Account.Logins(); n != 1 {
		t.Errorf("%d logins at Enphase", n)
	}
}
