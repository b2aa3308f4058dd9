package security_test

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"envoyd/internal/e2e"
	"envoyd/internal/status"
	"envoyd/internal/trust"
)

func pins(t *testing.T, h *e2e.House) []trust.Pin {
	t.Helper()
	book, err := trust.Open(filepath.Join(h.Dir, "state"))
	if err != nil {
		t.Fatal(err)
	}
	entry, _ := book.Get(serial)
	return entry.Pins
}

// refused waits until the daemon has refused the key and said what to do.
func refused(t *testing.T, h *e2e.House) {
	t.Helper()
	h.Wait("red", func() bool { return h.Condition("gateway/"+serial).State == status.Red })
	c := h.Condition("gateway/" + serial)
	if !strings.Contains(c.Message+c.Mend, "envoyd trust") {
		t.Errorf("the condition does not say what to do: %+v", c)
	}
	if !strings.Contains(c.Message, h.Sim.Gateway.Pin()) {
		t.Errorf("the condition does not name the new key: %+v", c)
	}
}

func TestAnotherKeyIsRefusedUntilAPersonSaysYes(t *testing.T) {
	h := e2e.Start(t, e2e.Options{Extra: onlyLoopback})
	h.Fresh()
	old := h.Sim.Gateway.Pin()
	if _, err := h.Sim.Gateway.NewKey(); err != nil {
		t.Fatal(err)
	}
	told := h.Sim.Gateway.Traffic().Credentials
	refused(t, h)
	if now := h.Sim.Gateway.Traffic().Credentials; now != told {
		t.Errorf("%d requests with a login reached the other key", now-told)
	}
	if out, code := h.Command("n\n", "trust"); code != 1 || !strings.Contains(out, old) || !strings.Contains(out, h.Sim.Gateway.Pin()) {
		t.Errorf("trust without a yes ends with %d: %s", code, out)
	}
	if now := h.Sim.Gateway.Traffic().Credentials; now != told {
		t.Errorf("asking about the key sent a login")
	}
	if out, code := h.Command("", "trust", "-yes"); code != 0 {
		t.Fatalf("trust ends with %d: %s", code, out)
	}
	h.Fresh()
	h.Wait("green", func() bool { return h.Condition("gateway/"+serial).State == status.Green })
	h.StopDaemon()
	if p := pins(t, h); len(p) != 1 || p[0].SHA256 != h.Sim.Gateway.Pin() {
		t.Errorf("pinned is %+v", p)
	}
}

// After the end of its certificate a gateway makes a new key by itself.
func TestAnotherKeyAfterTheCertificateEnded(t *testing.T) {
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		ended, silent time.Duration // the certificate's end and the old key's last answer, ago
		moved, passes bool
	}{
		"passes":              {ended: day, silent: 2 * time.Hour, passes: true},
		"not-while-it-lives":  {ended: -day, silent: 2 * time.Hour},
		"not-while-old-talks": {ended: day, silent: 50 * time.Minute},
		"not-elsewhere":       {ended: day, silent: 2 * time.Hour, moved: true},
	} {
		t.Run(name, func(t *testing.T) {
			h := e2e.Start(t, e2e.Options{Extra: onlyLoopback})
			h.Fresh()
			h.StopDaemon()
			if c.moved {
				if _, err := h.Sim.Gateway.Move("127.0.0.2:0"); err != nil {
					t.Fatal(err)
				}
				h.SetAddress(h.Sim.Gateway.Addr())
			}
			if _, err := h.Sim.Gateway.NewKey(); err != nil {
				t.Fatal(err)
			}
			age(t, h, time.Now().Add(-c.ended), time.Now().Add(-c.silent))
			told := h.Sim.Gateway.Traffic().Credentials
			h.StartDaemon()
			if c.passes {
				h.Fresh()
				return
			}
			refused(t, h)
			if now := h.Sim.Gateway.Traffic().Credentials; now != told {
				t.Errorf("%d requests with a login reached the other key", now-told)
			}
		})
	}
}

// age rewrites what is remembered of the gateway's key.
func age(t *testing.T, h *e2e.House, notAfter, lastSeen time.Time) {
	t.Helper()
	book, err := trust.Open(filepath.Join(h.Dir, "state"))
	if err != nil {
		t.Fatal(err)
	}
	if err := book.Update(serial, func(e *trust.Entry) { e.Pins[0].NotAfter, e.Pins[0].LastSeen = notAfter, lastSeen }); err != nil {
		t.Fatal(err)
	}
}

func TestAPinSurvivesRestartAndReload(t *testing.T) {
	h := e2e.Start(t, e2e.Options{Process: true, Extra: onlyLoopback})
	h.Fresh()
	first := h.Sim.Gateway.Pin()
	h.Kill()
	h.StartDaemon()
	h.Fresh()
	edit(t, h, func(text string) string { return strings.Replace(text, "name: Home", "name: Casa", 1) })
	h.Signal(syscall.SIGHUP)
	h.Wait("the new name", func() bool { r := h.Reading(); return r != nil && r.Name == "Casa" })
	h.Fresh()
	if p := pins(t, h); len(p) != 1 || p[0].SHA256 != first {
		t.Fatalf("pinned is %+v, at first it was %s", p, first)
	}
	edit(t, h, func(text string) string { return strings.Replace(text, "name: Casa", "nmae: Casa", 1) })
	h.Signal(syscall.SIGHUP)
	h.Wait("the fault to be told", func() bool { return strings.Contains(h.Condition("config").Message, "nmae") })
	if _, err := h.Sim.Gateway.NewKey(); err != nil {
		t.Fatal(err)
	}
	refused(t, h)
	edit(t, h, func(text string) string { return strings.Replace(text, "nmae: Casa", "name: Home", 1) })
	h.Signal(syscall.SIGHUP) // a reload is no way around
	h.Wait("the reload", func() bool { return h.Condition("config").State == status.Green })
	refused(t, h)
}

// A key that the configuration names wins over the one that is there.
func TestAConfiguredKeyIsTheOnlyOne(t *testing.T) {
	other := strings.Repeat("ab", 32)
	h := e2e.Start(t, e2e.Options{Extra: onlyLoopback, Gateway: "certificate: " + other})
	h.Wait("red", func() bool { return h.Condition("gateway/"+serial).State == status.Red })
	if c := h.Condition("gateway/" + serial); !strings.Contains(c.Message+c.Mend, "certificate") {
		t.Errorf("the condition does not name the configured key: %+v", c)
	}
	if n := h.Sim.Gateway.Traffic().Credentials; n != 0 {
		t.Errorf("%d requests with a login", n)
	}
}
