package faults_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"envoyd/internal/app"
	"envoyd/internal/config"
	"envoyd/internal/e2e"
	"envoyd/internal/sim"
	"envoyd/internal/status"
	"envoyd/internal/trust"
)

func (s *scene) newKey() {
	s.t.Helper()
	if _, err := s.Sim.Gateway.NewKey(); err != nil {
		s.t.Fatal(err)
	}
}

// refused checks that the gateway's key is refused and nothing secret was sent
// since credentials were counted.
func (s *scene) refused(credentials int) {
	s.t.Helper()
	s.Wait("the gateway's condition to be red", func() bool {
		c := s.Condition("gateway/" + sim.DefaultSerial)
		return c.State == status.Red && strings.Contains(c.Mend, "envoyd trust")
	})
	if n := s.Sim.Gateway.Traffic().Credentials; n != credentials {
		s.t.Errorf("%d requests with a secret were sent to another key", n-credentials)
	}
}

func TestAnotherKeyIsRefusedUntilAPersonTrustsIt(t *testing.T) {
	t.Parallel()
	s := play(t, e2e.Options{})
	s.newKey()
	credentials := s.Sim.Gateway.Traffic().Credentials
	s.offline()
	s.refused(credentials)
	if n := s.Sim.Account.Logins(); n != 1 {
		t.Errorf("%d logins at Enphase", n)
	}
	cfg, err := config.Load(s.File)
	if err != nil {
		t.Fatal(err)
	}
	daemon, err := app.Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	key, err := daemon.Key(t.Context(), "")
	if err != nil || key.Present != s.Sim.Gateway.Pin() || len(key.Pinned) != 1 || key.Pinned[0] == key.Present {
		t.Fatalf("the daemon tells %+v, %v", key, err)
	}
	if err := daemon.Trust(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	s.Fresh()
	if took := time.Since(began); took > retryTime {
		t.Errorf("it took %s until the confirmed key was used", took)
	}
	s.online()
}

// retryTime is when a gateway with another key is tried again by itself.
const retryTime = 50 * time.Second

// By itself another key is accepted only after the old certificate has ended
// and the old key has been silent for an hour.
func TestAnotherKeyAfterTheCertificateEnded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name          string
		ended, silent bool
	}{
		{"ended and silent for an hour: accepted", true, true},
		{"ended, but the old key has just answered: refused", true, false},
		{"silent for an hour, but not ended: refused", false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := play(t, e2e.Options{})
			s.StopDaemon()
			path := filepath.Join(s.Dir, "state", "gateways.json")
			amend(t, path, func(e *trust.Entry) {
				for i := range e.Pins {
					if c.ended {
						e.Pins[i].NotAfter = time.Now().Add(-time.Minute)
					}
					if c.silent {
						e.Pins[i].LastSeen = time.Now().Add(-75 * time.Minute) // the file may lag by ten minutes, and that is granted
					}
				}
			})
			s.newKey()
			credentials := s.Sim.Gateway.Traffic().Credentials
			s.StartDaemon()
			if c.ended && c.silent {
				s.Fresh()
				s.online()
				return
			}
			s.refused(credentials)
		})
	}
}

// amend changes what the daemon remembers of its gateways.
func amend(t *testing.T, path string, change func(*trust.Entry)) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Version  int           `json:"version"`
		Gateways []trust.Entry `json:"gateways"`
	}
	if err := json.Unmarshal(text, &file); err != nil || len(file.Gateways) != 1 {
		t.Fatalf("%v in %s", err, text)
	}
	change(&file.Gateways[0])
	if text, err = json.Marshal(file); err == nil {
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
