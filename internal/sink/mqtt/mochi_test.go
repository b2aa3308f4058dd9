package mqtt

import (
	"crypto/tls"
	"log/slog"
	"strings"
	"testing"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"

	"envoyd/internal/status"
)

// startMochi runs a broker in this process that speaks WebSocket.
func startMochi(t *testing.T, secure *tls.Config) (address string) {
	t.Helper()
	server := mochi.New(&mochi.Options{Logger: slog.New(slog.DiscardHandler)})
	if err := server.AddHook(new(auth.AllowHook), nil); err != nil {
		t.Fatal(err)
	}
	address = "127.0.0.1:" + strings.TrimPrefix((&mosquitto{port: freePort(t)}).url("x"), "x://127.0.0.1:")
	if err := server.AddListener(listeners.NewWebsocket(listeners.Config{ID: "ws", Address: address, TLSConfig: secure})); err != nil {
		t.Fatal(err)
	}
	if err := server.Serve(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return address
}

func TestReadingsTravelOverWebSockets(t *testing.T) {
	a := newAuthority(t)
	a.server("broker", "127.0.0.1", time.Time{})
	pair, err := tls.LoadX509KeyPair(a.file("broker.crt"), a.file("broker.key"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		scheme string
		server *tls.Config
		ca     string
	}{
		{"ws", nil, ""},
		{"wss", &tls.Config{Certificates: []tls.Certificate{pair}}, a.file("ca.crt")},
	} {
		t.Run(c.scheme, func(t *testing.T) {
			h := &health{}
			address := startMochi(t, c.server)
			p := publisher(t, h, func(cfg *Config) { cfg.URL, cfg.CAFile = c.scheme+"://"+address+"/mqtt", c.ca })
			var err error
			until(t, "the broker listens", func() bool {
				err = p.Check(t.Context())
				return err == nil || !strings.Contains(err.Error(), "refused")
			})
			if err != nil {
				t.Fatal(err)
			}
			stop := run(t, p)
			p.cfg.Hub.Publish(large(time.Now()))
			until(t, "it is connected", h.is(status.Green))
			stop()
		})
	}
}
