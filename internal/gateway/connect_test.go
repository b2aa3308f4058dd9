package gateway_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"envoyd/internal/fault"
	"envoyd/internal/gateway"
	"envoyd/internal/trust"
)

func TestSchemeProbe(t *testing.T) {
	tests := map[string]struct {
		on443, on80 string // firmware there; "" refuses
		address     string
		scheme      string // "" = an error
	}{
		"HTTPS first":                      {"8.2.4345", "5.0.62", "192.168.1.20", "https"},
		"HTTP when 443 is refused":         {"", "5.0.62", "192.168.1.20", "http"},
		"HTTP when 443 speaks no TLS":      {"5.0.62", "5.0.62", "192.168.1.20", "http"},
		"a scheme in the address is final": {"8.2.4345", "5.0.62", "http://192.168.1.20", "http"},
		"https:// stays":                   {"", "5.0.62", "https://192.168.1.20", ""},
		"nobody":                           {"", "", "192.168.1.20", ""},
		"IPv6":                             {"8.2.4345", "", "[fd00::20]", "https"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			at := func(firmware string) string {
				if firmware == "" {
					return ""
				}
				return newFake(t, firmware).address
			}
			c := newClient(t, noToken)
			c.SetDial(ports(at(tt.on443), at(tt.on80)))
			info, err := c.Connect(t.Context(), tt.address)
			if info.Scheme != tt.scheme || (err == nil) != (tt.scheme != "") {
				t.Errorf("got %q, %v", info.Scheme, err)
			}
			if err != nil && !fault.Is(err, fault.Transient) {
				t.Errorf("kind %v", fault.KindOf(err))
			}
			if tt.scheme == "https" == info.Key.IsZero() && err == nil {
				t.Errorf("key %q by %s", info.Key.SHA256, info.Scheme)
			}
		})
	}
}

// Who connects to something that is no gateway, or to one that hangs, is told
// what to do.
func TestAHostThatDoesNotSayWhoItIsHasAMend(t *testing.T) {
	f := newFake(t, "8.2.4345")
	hangs := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	for name, page := range map[string]http.HandlerFunc{"hangs": hangs, "another device": answers(404, "")} {
		t.Run(name, func(t *testing.T) {
			f.page("/info", page)
			c := newClient(t, func(cfg *gateway.Config) { cfg.NativeTimeout = 200 * time.Millisecond })
			_, err := c.Connect(t.Context(), f.address)
			if err == nil || !strings.Contains(fault.Mend(err), "is the gateway's address") {
				t.Errorf("%v, mend %q", err, fault.Mend(err))
			}
		})
	}
}

func TestSamePortWhenOneIsGiven(t *testing.T) {
	f := newFake(t, "5.0.62")
	if info := connect(t, newClient(t, noToken), f.address); info.Scheme != "http" || info.Address != f.address {
		t.Errorf("got %+v", info)
	}
}

func TestRefusedKeyIsNoReasonForHTTP(t *testing.T) {
	f, plain := newFake(t, "8.2.4345"), newFake(t, "5.0.62")
	f.set(func() { f.serial = "122333444556" })
	c := newClient(t, noToken)
	c.SetDial(ports(f.address, plain.address))
	if _, err := c.Connect(t.Context(), "192.168.1.20"); !errors.Is(err, gateway.ErrOtherSerial) {
		t.Error(err)
	}
	if plain.conns != 0 {
		t.Error("plain HTTP was tried after another gateway answered by HTTPS")
	}
}

func TestAddresses(t *testing.T) {
	for in, want := range map[string]string{
		"192.168.1.20": "https://192.168.1.20", "envoy.local": "https://envoy.local", "envoy.local:8443": "https://envoy.local:8443",
		"[fd00::20]": "https://[fd00::20]", "fd00::20": "https://[fd00::20]", "[fd00::20]:8443": "https://[fd00::20]:8443",
		"fe80::1%eth0": "https://[fe80::1%25eth0]", "https://h/": "https://h", "HTTPS://h:1": "https://h:1", " h ": "https://h",
	} {
		if _, err := gateway.ParseTarget(in); err != nil {
			t.Errorf("%q: %v", in, err)
		}
		if got := gateway.TargetBase(in, "https"); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
	for _, in := range []string{
		"", " ", "h/path", "https://h/path", "ftp://h", "u:p@h", "https://u@h", "h?x", "h#x", "h:0", "h:65536", "h:x", "h:", ":80", "a b",
		"https://https://h", "h%41", "[::1", "h\nx", "http://h:80/?q",
	} {
		if got, err := gateway.ParseTarget(in); !fault.Is(err, fault.Config) {
			t.Errorf("%q taken as %q, %v", in, got, err)
		}
	}
	if _, err := newClient(t, nil).Connect(t.Context(), "h/../x"); !fault.Is(err, fault.Config) {
		t.Error(err)
	}
}

func TestNotConnected(t *testing.T) {
	c := newClient(t, nil)
	if _, err := c.Get(t.Context(), meters, false); !errors.Is(err, gateway.ErrNotConnected) || !fault.Is(err, fault.Transient) {
		t.Error(err)
	}
	f := newFake(t, "8.2.4345")
	connect(t, c, f.address)
	c.Close()
	if _, err := c.Info(t.Context()); !errors.Is(err, gateway.ErrNotConnected) {
		t.Error(err)
	}
	connect(t, c, f.address)
	if _, err := c.Connect(t.Context(), refusedAddress(t)); err == nil {
		t.Error("connected to nobody")
	}
	if _, err := c.Get(t.Context(), meters, false); !errors.Is(err, gateway.ErrNotConnected) {
		t.Error("a failed Connect must not go on with the old address:", err)
	}
	if _, err := c.Get(t.Context(), "evil.example/", false); !fault.Is(err, fault.Config) {
		t.Error(err)
	}
}

func TestConnectToAnotherAddress(t *testing.T) {
	first, second := newFake(t, "8.2.4345"), newFake(t, "8.2.4345")
	second.show(first.cert)
	c := newClient(t, nil)
	connect(t, c, first.address)
	if info := connect(t, c, second.address); info.Address != second.address {
		t.Errorf("got %+v", info)
	}
	second.page(meters, answers(200, "[]"))
	if _, err := c.Get(t.Context(), meters, false); err != nil {
		t.Error(err)
	}
}

func TestOneRequestAtATime(t *testing.T) {
	f := newFake(t, "8.2.4345")
	f.page(meters, answers(200, "[]"))
	c := newClient(t, nil)
	connect(t, c, f.address)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5 {
				if _, err := c.Get(t.Context(), meters, false); err != nil {
					t.Error(err)
				}
				if _, err := c.Info(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if f.busiest != 1 || f.conns > 10 { // a loaded machine may give a connection up
		t.Errorf("%d requests at once over %d connections", f.busiest, f.conns)
	}
}

func TestWaitingForATurnEndsWithTheContext(t *testing.T) {
	f := newFake(t, "8.2.4345")
	asked, let := make(chan struct{}), make(chan struct{})
	f.page(meters, func(w http.ResponseWriter, _ *http.Request) {
		close(asked)
		<-let
		_, _ = fmt.Fprint(w, "[]")
	})
	c := newClient(t, nil)
	connect(t, c, f.address)
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = c.Get(t.Context(), meters, false) })
	<-asked
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Get(ctx, meters, false); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	close(let)
	wg.Wait()
}

// Firmware 4 and 5 end the connection after each answer, and so may others.
func TestGatewayThatClosesAfterEachAnswer(t *testing.T) {
	for _, firmware := range []string{"5.0.62", "8.2.4345"} {
		t.Run(firmware, func(t *testing.T) {
			f := newFake(t, firmware)
			f.set(func() { f.close = true })
			f.page(meters, answers(200, "[]"))
			c := newClient(t, func(cfg *gateway.Config) {
				if firmware < "7" {
					noToken(cfg)
				}
			})
			connect(t, c, f.address)
			for range 3 {
				if _, err := c.Get(t.Context(), meters, false); err != nil {
					t.Fatal(err)
				}
			}
			if infos := len(f.told("/info")); infos > 4 {
				t.Errorf("/info was asked %d times for three requests", infos)
			}
			if _, err := c.Info(t.Context()); err != nil {
				t.Error(err)
			}
			if firmware < "7" {
				return
			}
			f.set(func() { f.seen, f.serial = nil, "122333444556" })
			if _, err := c.Get(t.Context(), meters, false); !errors.Is(err, gateway.ErrOtherSerial) {
				t.Error(err)
			}
			nothingLeaked(t, f)
		})
	}
}

// A host that closes after each answer shows another key on the connection
// after the one that was checked.
func TestOtherKeyAfterACheckedConnection(t *testing.T) {
	f := newFake(t, "8.2.4345")
	f.set(func() { f.close = true })
	other := newCert(t, nil, f.cert.Leaf.NotAfter)
	c := newClient(t, func(cfg *gateway.Config) {
		cfg.Pins = []string{trust.KeyOf(f.cert.Leaf).SHA256, trust.KeyOf(other.Leaf).SHA256} // both would pass
	})
	connect(t, c, f.address)
	f.page("/info", func(w http.ResponseWriter, _ *http.Request) {
		f.show(other)
		_, _ = fmt.Fprint(w, infoXML(serial, "8.2.4345"))
	})
	if _, err := c.Get(t.Context(), meters, false); !errors.Is(err, trust.ErrOtherKey) {
		t.Error(err)
	}
	nothingLeaked(t, f)
}

// Some servers end the connection without saying so.
func TestGatewayThatClosesSilently(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if req, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				body := "{}"
				if req.URL.Path == "/info" {
					body = infoXML(serial, "5.0.62")
				}
				_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
			}
			_ = conn.Close()
		}
	})
	defer wg.Wait()
	defer func() { _ = l.Close() }()
	c := newClient(t, noToken)
	connect(t, c, l.Addr().String())
	for range 3 {
		if _, err := c.Get(t.Context(), "/production.json", false); err != nil {
			t.Fatal(err)
		}
	}
}

func TestIdentify(t *testing.T) {
	f := bait(newFake(t, "8.2.4345"))
	info, err := gateway.Identify(t.Context(), f.address)
	if err != nil || info.Serial != serial || info.Firmware != "8.2.4345" || !info.IMeter || !info.WebTokens || !info.NeedsToken() ||
		info.Scheme != "https" || info.Address != f.address || info.Key != trust.KeyOf(f.cert.Leaf) || info.PartNumber != "800-00654-r08" ||
		info.Time.IsZero() || info.Received.IsZero() {
		t.Errorf("%+v, %v", info, err)
	}
	nothingLeaked(t, f)
	old := newFake(t, "5.0.62")
	if info, err := gateway.Identify(t.Context(), old.address); err != nil || info.Scheme != "http" || info.NeedsToken() || !info.Key.IsZero() {
		t.Errorf("%+v, %v", info, err)
	}
	old.page("/info", answers(200, "<html>a printer</html>"))
	if _, err := gateway.Identify(t.Context(), old.address); !errors.Is(err, gateway.ErrNotAGateway) {
		t.Error(err)
	}
	if _, err := gateway.Identify(t.Context(), refusedAddress(t)); err == nil || !strings.Contains(err.Error(), "https") {
		t.Error(err)
	}
}
