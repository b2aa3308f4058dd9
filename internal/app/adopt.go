package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"envoyd/internal/backoff"
	"envoyd/internal/config"
	"envoyd/internal/discover"
	"envoyd/internal/gateway"
	"envoyd/internal/status"
	"envoyd/internal/trust"
)

// listenEvery is how often gateways that appeared later are listened for.
const listenEvery = time.Hour

// Heard is a gateway that was heard on the network and asked who it is. What
// it says of itself is not proven.
type Heard struct {
	Serial      string   `json:"serial"`
	Addresses   []string `json:"addresses"`
	Firmware    string   `json:"firmware,omitempty"`
	Certificate string   `json:"certificate,omitempty"` // SHA-256 of its public key
	NeedsToken  bool     `json:"needs_token"`
}

// Block is the configuration to paste for it.
func (h Heard) Block() string {
	var b strings.Builder
	fmt.Fprintf(&b, "gateways:\n  - serial: %q\n", h.Serial)
	if h.Certificate != "" {
		fmt.Fprintf(&b, "    certificate: %q\n", h.Certificate)
	}
	return b.String()
}

// Listen hears who is a gateway on the network and asks each who it is. No
// secret is sent.
func Listen(ctx context.Context, interfaces []string, wait time.Duration) ([]Heard, error) {
	candidates, err := discover.Find(ctx, discover.Config{Interfaces: interfaces, Wait: wait})
	if err != nil {
		return nil, err
	}
	var all []Heard
	for _, c := range candidates {
		h := Heard{Serial: c.Serial, Firmware: c.Firmware, Addresses: addressesOf([]discover.Candidate{c}, c.Serial)}
		i := slices.IndexFunc(all, func(o Heard) bool { return o.Serial == c.Serial })
		if i >= 0 {
			all[i].Addresses = append(all[i].Addresses, h.Addresses...)
			continue
		}
		h.ask(ctx)
		all = append(all, h)
	}
	return all, nil
}

// ask fills in what the host itself says at /info.
func (h *Heard) ask(ctx context.Context) {
	for _, address := range h.Addresses {
		info, err := gateway.Identify(ctx, address)
		if err != nil || info.Serial != h.Serial {
			continue
		}
		h.Firmware = info.Firmware.String()
		h.Certificate = info.Key.SHA256
		h.NeedsToken = needsToken(info)
		return
	}
}

func needsToken(info gateway.Info) bool { return info.WebTokens || info.Firmware.AtLeast("7") }

// addressesOf lists where a serial was heard. The port of the announcement is
// left out: gateways announce 80 and answer on 443 all the same. Only one that
// is neither is kept, for simulated ones.
func addressesOf(heard []discover.Candidate, serial string) []string {
	var all []string
	for _, c := range heard {
		if c.Serial != serial {
			continue
		}
		for _, ip := range c.Addresses {
			address := ip.String()
			if c.Port != 80 && c.Port != 443 && c.Port != 0 {
				address = net.JoinHostPort(address, strconv.Itoa(c.Port))
			} else if ip.Is6() {
				address = "[" + address + "]"
			}
			if !slices.Contains(all, address) {
				all = append(all, address)
			}
		}
	}
	return all
}

// firstUse refuses when, before anything is pinned, several hosts claim one
// serial with different keys.
func (a *App) firstUse(ctx context.Context, g config.Gateway, addresses []string) error {
	entry, _ := a.state.book.Get(g.Serial)
	if len(entry.Pins) > 0 || len(g.Certificate) > 0 || len(addresses) < 2 {
		return nil
	}
	var candidates []trust.Candidate
	for _, address := range addresses {
		info, err := gateway.Identify(ctx, address)
		if err == nil && info.Serial == g.Serial {
			candidates = append(candidates, trust.Candidate{Serial: g.Serial, Address: address, Key: info.Key})
		}
	}
	return trust.FirstUse(candidates)
}

// adopt looks for the one gateway of the network and returns it once there is
// one; with several it stays up and says what to paste. What was adopted once
// is ours for good.
func (a *App) adopt(ctx context.Context) (config.Gateway, bool) {
	for _, e := range a.state.book.All() {
		if e.Adopted {
			return config.Gateway{Serial: e.Serial}, true
		}
	}
	pause := backoff.Backoff{First: 5 * time.Second, Longest: time.Minute}
	for {
		a.board.Beat("adopt", 3*time.Minute)
		heard, err := Listen(ctx, a.cfg.Discover.Interfaces, 0)
		if ctx.Err() != nil {
			a.board.Done("adopt")
			return config.Gateway{}, false
		}
		if err == nil && len(heard) == 1 {
			g := config.Gateway{Serial: heard[0].Serial}
			if err = a.take(ctx, g, heard[0]); err == nil {
				a.board.Done("adopt")
				return g, true
			}
		}
		a.reportHeard(heard, err)
		if !sleep(ctx, pause.Next(0)) {
			a.board.Done("adopt")
			return config.Gateway{}, false
		}
	}
}

// take remembers the gateway as ours.
func (a *App) take(ctx context.Context, g config.Gateway, h Heard) error {
	if err := a.firstUse(ctx, g, h.Addresses); err != nil {
		return err
	}
	a.board.Set("discovery", status.Green, "found the gateway "+h.Serial+" and adopted it", "")
	return a.state.book.Update(h.Serial, func(e *trust.Entry) { e.Adopted = true })
}

var errNoGateway = errors.New("no gateway was heard on the network")

func (a *App) reportHeard(heard []Heard, err error) {
	switch {
	case err != nil:
		a.board.Set("discovery", status.Red, err.Error(), "Check the network of this computer, or set gateways[] with serial and address.")
	case len(heard) == 0:
		a.board.Set("discovery", status.Red, errNoGateway.Error(),
			"Check that the gateway has power and is on the same network; across networks set gateways[] with serial and address.")
	default:
		var blocks strings.Builder
		serials := make([]string, len(heard))
		for i, h := range heard {
			serials[i] = h.Serial
			blocks.WriteString(strings.TrimPrefix(h.Block(), "gateways:\n"))
		}
		a.board.Set("discovery", status.Red,
			fmt.Sprintf("heard %d gateways: %s", len(heard), strings.Join(serials, ", ")),
			"Paste those that are yours into the configuration:\ngateways:\n"+blocks.String())
	}
}

// listen lists gateways that are on the network and not read.
func (a *App) listen(ctx context.Context, ours func(serial string) bool) error {
	for sleep(ctx, listenEvery) {
		heard, err := Listen(ctx, a.cfg.Discover.Interfaces, 0)
		if err != nil {
			continue // the gateways' own conditions say what is wrong with the network
		}
		var others []string
		for _, h := range heard {
			if !ours(h.Serial) {
				others = append(others, h.Serial)
			}
		}
		if len(others) > 0 {
			a.board.Set("discovery", status.Green, "also on the network, not read: "+strings.Join(others, ", "),
				"To read one of them too, add it to gateways[] in the configuration.")
		}
	}
	return nil
}

// sleep waits and reports whether to go on.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
