package gateway_test

import (
	"cmp"
	"crypto/ecdsa"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"envoyd/internal/fault"
	"envoyd/internal/gateway"
	"envoyd/internal/secret"
	"envoyd/internal/trust"
)

const meters = "/ivp/meters/readings"

// bait adds pages that ask for every kind of secret.
func bait(f *fake) *fake {
	f.page(meters, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("WWW-Authenticate", `Digest qop="auth", realm="enphaseenergy.com", nonce="1694046744"`)
		w.Header().Add("WWW-Authenticate", `Basic realm="enphaseenergy.com"`)
		deny(w, r)
	})
	return f
}

// try goes as far as it can with whoever is at address.
func try(t *testing.T, c *gateway.Client, address string) error {
	t.Helper()
	_, err := c.Connect(t.Context(), address)
	if _, gerr := c.Get(t.Context(), meters, false); err == nil {
		err = gerr
	}
	_ = c.CheckToken(t.Context(), jwt(serial))
	_ = c.EnableLive(t.Context())
	_, _ = c.Info(t.Context())
	return err
}

func nothingLeaked(t *testing.T, f *fake) {
	t.Helper()
	if s := f.secrets(); len(s) > 0 {
		t.Errorf("secrets reached the wrong host: %q", s)
	}
}

// stranger is a host that asks for secrets, and a client that is to meet it.
type stranger struct {
	firmware string                                         // 8.2.4345 by default
	change   func(f *fake)                                  // of the host, before anybody knows it
	client   func(t *testing.T, f *fake, c *gateway.Config) // what the client knows
	want     error                                          // nil is any
	unasked  bool                                           // not even connected to
}

// remembers knows the serial by the key of a host.
func remembers(t *testing.T, f *fake, c *gateway.Config) {
	t.Helper()
	c.Book = trust.Memory()
	if err := c.Book.Repin(serial, trust.KeyOf(f.cert.Leaf), f.address); err != nil {
		t.Fatal(err)
	}
}

func remembersAnother(t *testing.T, _ *fake, c *gateway.Config) {
	remembers(t, newFake(t, "8.2.4345"), c)
}

func pinOf(f *fake) []string { return []string{trust.KeyOf(f.cert.Leaf).SHA256} }

func serialIs(serial string) func(*fake) {
	return func(f *fake) { f.set(func() { f.serial = serial }) }
}

const oddSerial = "122333444555/../../info"

// strangersByHTTPS prove nothing, whatever they say.
var strangersByHTTPS = map[string]stranger{
	"with another serial":                    {change: serialIs("122333444556"), want: gateway.ErrOtherSerial},
	"with another key than the remembered":   {client: remembersAnother, want: trust.ErrOtherKey},
	"with another key and a higher firmware": {firmware: "9.9.9999", client: remembersAnother, want: trust.ErrOtherKey},
	"with another key than the configured, though it is remembered": {
		client: func(t *testing.T, f *fake, c *gateway.Config) {
			remembers(t, f, c)
			c.Pins = pinOf(newFake(t, "8"))
		},
		want: trust.ErrOtherKey,
	},
	"with a path in the serial": {
		change: serialIs(oddSerial), unasked: true,
		client: func(_ *testing.T, _ *fake, c *gateway.Config) { c.Serial = oddSerial },
	},
	"that claims a serial with a path": {change: serialIs(serial + "/x"), want: gateway.ErrNotAGateway},
	"with a digest": {
		change: func(f *fake) { f.page("/info", answers(200, infoXML(serial, "5.0.62"))) },
		client: func(_ *testing.T, _ *fake, c *gateway.Config) { noToken(c) },
		want:   gateway.ErrNotAllowed,
	},
}

// strangersByHTTP are not even connected to.
var strangersByHTTP = map[string]stranger{
	"while there is a token": {},
	"while a key is configured": {client: func(_ *testing.T, f *fake, c *gateway.Config) {
		noToken(c)
		c.Pins = pinOf(f)
	}},
	"after HTTPS": {client: func(t *testing.T, f *fake, c *gateway.Config) {
		noToken(c)
		remembers(t, f, c)
	}},
}

func TestNoSecretReachesAnotherHost(t *testing.T) {
	for name, s := range strangersByHTTPS {
		t.Run("by HTTPS "+name, func(t *testing.T) { s.meet(t, "") })
	}
	for name, s := range strangersByHTTP {
		s.firmware, s.want, s.unasked = "5.0.62", gateway.ErrPlainHTTP, true
		t.Run("by HTTP "+name, func(t *testing.T) { s.meet(t, "http://") })
	}
}

// meet goes as far with the host as it lets us.
func (s stranger) meet(t *testing.T, scheme string) {
	t.Helper()
	f := bait(newFake(t, cmp.Or(s.firmware, "8.2.4345")))
	if s.change != nil {
		s.change(f)
	}
	c := newClient(t, func(c *gateway.Config) {
		if s.client != nil {
			s.client(t, f, c)
		}
	})
	err := try(t, c, scheme+f.address)
	if err == nil || s.want != nil && !errors.Is(err, s.want) {
		t.Errorf("got %v, want %v", err, s.want)
	}
	nothingLeaked(t, f)
	if s.unasked && f.conns != 0 {
		t.Errorf("%d connections", f.conns)
	}
}

func TestATokenOfAnotherGatewayIsNotShown(t *testing.T) {
	f := bait(newFake(t, "8.2.4345"))
	c := newClient(t, func(c *gateway.Config) {
		c.Token = func() secret.Text { return jwt("122333444556") }
	})
	if err := try(t, c, f.address); !errors.Is(err, gateway.ErrTokenForeign) || len(f.told("/auth/check_jwt")) != 1 {
		t.Errorf("got %v", err) // the one call is CheckToken with the right token
	}
}

// A gateway that once spoke HTTPS answers on port 80 with firmware 5 while port
// 443 is closed.
func TestPlainHTTPIsNotTriedWhenHTTPSIsAway(t *testing.T) {
	pinned := trust.Memory()
	if err := pinned.Update(serial, func(e *trust.Entry) { e.HTTPS = true }); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*gateway.Config){
		"with a token":              nil,
		"with a configured key":     func(c *gateway.Config) { noToken(c); c.Pins = []string{strings.Repeat("a1", 32)} },
		"when seen with HTTPS once": func(c *gateway.Config) { noToken(c); c.Book = pinned },
	} {
		t.Run(name, func(t *testing.T) {
			f := bait(newFake(t, "5.0.62"))
			c := newClient(t, change)
			c.SetDial(ports("", f.address))
			if err := try(t, c, "192.168.1.20"); err == nil {
				t.Error("connected")
			}
			if len(f.seen) != 0 {
				t.Errorf("%d requests by plain HTTP", len(f.seen))
			}
		})
	}
}

// The gateway's address is taken over by somebody else between two requests.
func TestTakeoverBetweenRequests(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(f *fake, t *testing.T)
		want   error
	}{
		"by another serial with the same key": {func(f *fake, _ *testing.T) { f.set(func() { f.serial = "122333444556" }) }, gateway.ErrOtherSerial},
		"by another key": {func(f *fake, t *testing.T) {
			f.show(newCert(t, nil, time.Now().AddDate(2, 0, 0)))
		}, trust.ErrOtherKey},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, "8.2.4345")
			f.page(meters, answers(200, "[]"))
			c := newClient(t, nil)
			connect(t, c, f.address)
			if _, err := c.Get(t.Context(), meters, false); err != nil {
				t.Fatal(err)
			}
			f.set(func() { f.seen = nil })
			tt.change(f, t)
			f.cut()
			_, err := c.Get(t.Context(), meters, false)
			if !errors.Is(err, tt.want) || !fault.Is(err, fault.Security) {
				t.Errorf("got %v", err)
			}
			nothingLeaked(t, f)
		})
	}
}

func TestResumedSessionsAreChecked(t *testing.T) {
	f := newFake(t, "8.2.4345")
	f.page(meters, answers(200, "[]"))
	book := trust.Memory()
	c := newClient(t, func(cfg *gateway.Config) { cfg.Book = book })
	connect(t, c, f.address)
	connect(t, c, f.address)
	if f.resumed != 1 {
		t.Fatalf("%d resumed sessions, want 1: the test proves nothing", f.resumed)
	}
	other := trust.KeyOf(newCert(t, nil, time.Now().AddDate(1, 0, 0)).Leaf)
	if err := book.Repin(serial, other, f.address); err != nil {
		t.Fatal(err)
	}
	f.set(func() { f.seen = nil })
	if _, err := c.Get(t.Context(), meters, false); !errors.Is(err, trust.ErrOtherKey) {
		t.Errorf("the open connection goes on under the old key: %v", err)
	}
	if err := try(t, c, f.address); !errors.Is(err, trust.ErrOtherKey) {
		t.Errorf("got %v", err)
	}
	if len(f.seen) != 0 {
		t.Errorf("%d requests before the key was checked", len(f.seen))
	}
}

func TestProxyOfTheEnvironmentIsNotUsed(t *testing.T) {
	proxy := newFake(t, "5.0.62")
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"} {
		t.Setenv(name, "http://"+proxy.address)
	}
	f := newFake(t, "8.2.4345")
	f.page(meters, answers(200, "[]"))
	c := newClient(t, nil)
	c.SetDial(ports(f.address, "")) // a loopback address would be spared by every proxy rule
	connect(t, c, "192.168.1.20")
	if _, err := c.Get(t.Context(), meters, false); err != nil {
		t.Fatal(err)
	}
	if proxy.conns != 0 {
		t.Errorf("%d connections to the proxy", proxy.conns)
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	other := newFake(t, "8.2.4345")
	for _, status := range []int{301, 302, 303, 307, 308} {
		f := newFake(t, "8.2.4345")
		f.page(meters, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://"+other.address+"/x", status)
		})
		c := newClient(t, nil)
		connect(t, c, f.address)
		if _, err := c.Get(t.Context(), meters, false); !errors.Is(err, gateway.ErrRedirect) || !fault.Is(err, fault.Transient) {
			t.Errorf("%d: %v", status, err)
		}
		f.page("/info", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://"+other.address+"/info", status)
		})
		if _, err := gateway.Identify(t.Context(), f.address); !errors.Is(err, gateway.ErrRedirect) {
			t.Errorf("%d at /info: %v", status, err)
		}
	}
	if other.conns != 0 {
		t.Errorf("%d connections to where the redirect pointed", other.conns)
	}
}

func TestKeyIsReplacedOnlyUnderTheThreeConditions(t *testing.T) {
	for name, trusted := range map[string]bool{"a synchronised clock": true, "no synchronised clock": false} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, "8.2.4345")
			old := newCert(t, nil, time.Now().Add(-time.Hour))
			book := trust.Memory()
			if err := book.Update(serial, func(e *trust.Entry) {
				e.Pins = []trust.Pin{{SHA256: trust.KeyOf(old.Leaf).SHA256, NotAfter: old.Leaf.NotAfter,
					LastSeen: time.Now().Add(-2 * time.Hour), Address: f.address}}
			}); err != nil {
				t.Fatal(err)
			}
			c := newClient(t, func(cfg *gateway.Config) { cfg.Book, cfg.ClockTrusted = book, func() bool { return trusted } })
			if err := try(t, c, f.address); trusted != !fault.Is(err, fault.Security) {
				t.Errorf("got %v", err)
			}
			if !trusted {
				nothingLeaked(t, f)
			}
		})
	}
}

// A host shows the gateway's key in a certificate of its own making that has
// ended: it cannot finish the handshake, and what the certificate says must not
// make the pin look expired.
func TestForgedCertificateTeachesNothing(t *testing.T) {
	f := newFake(t, "8.2.4345")
	book := trust.Memory()
	c := newClient(t, func(cfg *gateway.Config) { cfg.Book = book })
	connect(t, c, f.address)
	before, _ := book.Get(serial)
	forged := newCert(t, f.cert.PrivateKey.(*ecdsa.PrivateKey), time.Now().Add(-time.Hour))
	forged.PrivateKey = newCert(t, nil, time.Now()).PrivateKey
	f.show(forged)
	if _, err := newClient(t, func(cfg *gateway.Config) { cfg.Book = book }).Connect(t.Context(), f.address); err == nil {
		t.Fatal("connected without the private key")
	}
	after, _ := book.Get(serial)
	if !after.Pins[0].NotAfter.Equal(before.Pins[0].NotAfter) {
		t.Error("the end of the certificate was taken from a host that did not prove its key")
	}
}

// A person pins another key while /info is being asked.
func TestKeyIsCheckedAgainAfterInfo(t *testing.T) {
	f := newFake(t, "8.2.4345")
	book := trust.Memory()
	other := trust.KeyOf(newCert(t, nil, time.Now().AddDate(1, 0, 0)).Leaf)
	f.page("/info", func(w http.ResponseWriter, r *http.Request) {
		if err := book.Repin(serial, other, f.address); err != nil {
			t.Error(err)
		}
		answers(200, infoXML(serial, "8.2.4345"))(w, r)
	})
	c := newClient(t, func(cfg *gateway.Config) { cfg.Book = book })
	if _, err := c.Connect(t.Context(), f.address); !errors.Is(err, trust.ErrOtherKey) {
		t.Error(err)
	}
}

func TestErrorsHoldNoSecret(t *testing.T) {
	f := bait(newFake(t, "8.2.4345"))
	f.page("/auth/check_jwt", deny)
	c := newClient(t, nil)
	err := try(t, c, f.address)
	if !errors.Is(err, gateway.ErrTokenRefused) {
		t.Fatal(err)
	}
	text := err.Error() + fault.Mend(err)
	if strings.Contains(text, jwt(serial).Reveal()) || strings.Contains(text, "Authorization Required") {
		t.Errorf("the error says too much: %s", text)
	}
}
