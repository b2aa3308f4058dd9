package discovery_test

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"envoyd/internal/netnstest"
	"envoyd/internal/status"
)

func TestAnEmptyConfigurationIsEnough(t *testing.T) {
	w := newWorld(t, "")
	_, token := w.gateways("0.0.0.0:443/" + first)
	w.announce(service("envoy", first, 80))
	w.start()
	w.wait("the gateway to be adopted", func() bool {
		c := w.condition("discovery")
		return c.State == status.Green && strings.Contains(c.Message, first) && strings.Contains(c.Message, "adopted")
	})
	w.wait("the word that a token is missing", func() bool {
		c := w.condition("token/" + first)
		return c.State == status.Red && strings.Contains(c.Mend, "envoyd token set")
	})
	page := w.Near.Run("bash", "-c", `exec 3<>/dev/tcp/127.0.0.1/8099; printf 'GET / HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3; cat <&3`)
	if !strings.Contains(page, "200 OK") || !strings.Contains(page, "<html") {
		t.Errorf("the page is %.200s", page)
	}
	if out, code := w.command(token, "token", "set"); code != 0 || !strings.Contains(out, "days left") {
		t.Fatalf("token set ends with %d: %s", code, out)
	}
	w.fresh()
	w.readdressed()
	w.laterOnes()
}

// readdressed gives the gateway another address, as a router does after a
// restart.
func (w *world) readdressed() {
	w.t.Helper()
	w.Far.Readdress(netip.MustParsePrefix("10.83.0.77/24"), netip.MustParsePrefix("169.254.120.1/16"))
	w.wait("the new address", func() bool {
		c := w.condition("gateway/" + first)
		return c.State == status.Green && strings.Contains(c.Message, "10.83.0.77")
	})
	w.fresh()
	select {
	case <-w.daemon.Ended():
		w.t.Error("the daemon has ended")
	default:
	}
}

// laterOnes announces another gateway, which is listed and left alone.
func (w *world) laterOnes() {
	w.t.Helper()
	other, _ := w.gateways("10.83.0.77:8443/" + second + "/envoy-2")
	w.stop()
	w.start()
	w.wait("the other gateway to be listed", func() bool {
		c := w.condition("discovery")
		return c.State == status.Green && strings.Contains(c.Message, second) && strings.Contains(c.Message, "not read") && c.Mend != ""
	})
	w.fresh()
	if strings.Contains(other.Output(), "a login came") {
		w.t.Error("the other gateway got a login")
	}
	text, err := os.ReadFile(filepath.Join(w.dir, "state", "gateways.json"))
	if err != nil || strings.Contains(string(text), second) {
		w.t.Errorf("the other gateway is remembered: %s, %v", text, err)
	}
}

func TestTwoGatewaysAtTheFirstStart(t *testing.T) {
	w := newWorld(t, "")
	w.gateways("0.0.0.0:443/"+first, "0.0.0.0:8443/"+second)
	w.announce(service("envoy", first, 443), service("envoy-2", second, 8443))
	heard := w.discovered()
	w.start()
	w.wait("the word that there are two", func() bool {
		c := w.condition("discovery")
		return c.State == status.Red && strings.Contains(c.Message, first) && strings.Contains(c.Message, second)
	})
	mend := w.condition("discovery").Mend
	_, blocks, found := strings.Cut(mend, "\n")
	if !found || !strings.HasPrefix(blocks, "gateways: ") {
		t.Fatalf("nothing to paste in %q", mend)
	}
	if !strings.Contains(w.daemon.Output(), blocks) {
		t.Error("what to paste is not printed")
	}
	for _, h := range heard {
		if !strings.Contains(blocks, h.Serial) || !strings.Contains(blocks, h.Certificate) {
			t.Errorf("%+v is not in %s", h, blocks)
		}
	}
	w.stop()
	w.configure(blocks + "\n") // just as it is printed
	w.start()
	for _, serial := range []string{first, second} {
		w.wait("the pasted gateway "+serial, func() bool {
			c := w.condition("token/" + serial)
			return c.State == status.Red && strings.Contains(c.Mend, "envoyd token set")
		})
	}
}

// heard is what `envoyd discover -json` prints, by the contract.
type heard struct {
	Serial      string   `json:"serial"`
	Addresses   []string `json:"addresses"`
	Firmware    string   `json:"firmware"`
	Certificate string   `json:"certificate"`
	NeedsToken  bool     `json:"needs_token"`
}

func (w *world) discovered() []heard {
	w.t.Helper()
	out, code := w.command("", "discover", "-json")
	if code != 0 {
		w.t.Fatalf("discover ends with %d: %s", code, out)
	}
	var all []heard
	d := json.NewDecoder(strings.NewReader(out))
	d.DisallowUnknownFields()
	if err := d.Decode(&all); err != nil {
		w.t.Fatalf("%v in %s", err, out)
	}
	bare := append([]heard(nil), all...)
	for i := range bare {
		if len(bare[i].Certificate) != 64 {
			w.t.Errorf("no key of %+v", bare[i])
		}
		bare[i].Certificate = ""
	}
	want := []heard{
		{Serial: first, Addresses: []string{"10.83.0.2", "[fd83::2]"}, Firmware: "8.2.4345", NeedsToken: true},
		{Serial: second, Addresses: []string{"10.83.0.2:8443", "[fd83::2]:8443"}, Firmware: "8.2.4345", NeedsToken: true},
	}
	if d := cmp.Diff(want, bare); d != "" {
		w.t.Errorf("heard (-want +got):\n%s", d)
	}
	return all
}

// nobody expects that a command and the daemon hear of no gateway.
func (w *world) nobody() {
	w.t.Helper()
	if out, code := w.command("", "discover", "-json"); code != 1 || strings.TrimSpace(out) != "[]" {
		w.t.Errorf("discover ends with %d: %s", code, out)
	}
	w.start()
	w.wait("the word that there is none", func() bool {
		c := w.condition("discovery")
		return c.State == status.Red && strings.Contains(c.Message, "no gateway was heard")
	})
}

func TestPublicAndLinkLocalAddressesDoNotCount(t *testing.T) {
	w := newWorld(t, "")
	public := netip.MustParsePrefix("203.0.113.5/24")
	w.Near.Readdress(netnstest.NearAddress, netip.MustParsePrefix("203.0.113.1/24"), netip.MustParsePrefix("169.254.120.2/16"))
	w.Far.Readdress(public, netip.MustParsePrefix("169.254.120.1/16"), netip.MustParsePrefix("2001:db8::5/64"))
	door := w.door(w.Far, "443")
	w.announce(service("envoy", first, 443))
	w.nobody()
	if strings.Contains(door.Output(), "a knock") {
		t.Errorf("somebody was asked there:\n%s", door.Output())
	}
}

func TestASerialWithAPathIsNotHeard(t *testing.T) {
	w := newWorld(t, "")
	door := w.door(w.Far, "443")
	w.announce(service("envoy", first+"/../x", 443))
	w.nobody()
	if strings.Contains(door.Output(), "a knock") {
		t.Errorf("somebody was asked there:\n%s", door.Output())
	}
}

func TestOneThatOnlyAnnouncesItselfIsNotAdopted(t *testing.T) {
	w := newWorld(t, "")
	w.announce(service("envoy", first, 443))
	w.start()
	w.wait("the word that it does not answer", func() bool {
		c := w.condition("discovery")
		return c.State == status.Red && strings.Contains(c.Message, "does not answer") && strings.Contains(c.Message, "10.83.0.2")
	})
	w.gateways("0.0.0.0:443/" + first)
	w.wait("its adoption", func() bool { return w.condition("discovery").State == status.Green })
}
