package app

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"envoyd/internal/cloud/enlighten"
	"envoyd/internal/config"
	"envoyd/internal/secret"
)

// A system with two gateways that are read here has values of neither alone.
func TestASystemOfTwoGatewaysStandsInForNeither(t *testing.T) {
	dir := t.TempDir()
	home, err := json.Marshal(enlighten.Home{System: enlighten.System{ID: 77}, Gateways: []string{"122333444555", "122333444777"}, Seen: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "enlighten-home.json"), home, 0o600); err != nil {
		t.Fatal(err)
	}
	client, err := enlighten.New(enlighten.Config{ClientID: "id", ClientSecret: secret.New("secret"), APIKey: secret.New("key"), Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	first := config.Gateway{Serial: "122333444555"}
	for name, c := range map[string]struct {
		all  []config.Gateway
		want error
	}{
		"two that are read":          {[]config.Gateway{first, {Serial: "122333444777"}}, errShared},
		"one that took over":         {[]config.Gateway{first, {Serial: "122333444777", Replaces: first.Serial}}, nil},
		"the other one is elsewhere": {[]config.Gateway{first, {Serial: "122333444999"}}, nil},
		"the other one is not read":  {[]config.Gateway{first}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			a := &App{cfg: &config.Config{Gateways: c.all}, cloud: client}
			s := &site{app: a, cfg: first, gateway: first.Serial, cloud: a.cloudFor(first.Serial)}
			if err := s.covered(t.Context()); !errors.Is(err, c.want) {
				t.Errorf("err %v", err)
			}
		})
	}
}
