package app

import (
	"log/slog"
	"testing"

	"envoyd/internal/config"
	"envoyd/internal/status"
)

func TestWhatIsAProblemOfAGateway(t *testing.T) {
	const serial, other = "122333444555", "122333444666"
	for name, want := range map[string]bool{
		"gateway/" + serial: true, "token/" + serial: true, "readings/" + serial: true, "mqtt": true, "cloud/enlighten": true,
		"gateway/" + other: false, "readings/" + other: false,
	} {
		t.Run(name, func(t *testing.T) {
			a := &App{board: status.NewBoard(slog.New(slog.DiscardHandler))}
			s := &site{app: a, cfg: config.Gateway{Serial: serial}, gateway: serial}
			a.board.Set(name, status.Yellow, "so so", "")
			if c, bad := a.worst(s); bad {
				t.Errorf("yellow is a problem: %+v", c)
			}
			a.board.Set(name, status.Red, "broken", "")
			if c, bad := a.worst(s); bad != want {
				t.Errorf("%v %+v", bad, c)
			}
		})
	}
}
