package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"envoyd/internal/backoff"
	"envoyd/internal/config"
	"envoyd/internal/discover"
	"envoyd/internal/fault"
	"envoyd/internal/gateway"
	"envoyd/internal/status"
	"envoyd/internal/trust"
)

// listenEvery is how often gateways that appeared later are listened for.
const listenEvery = time.Hour

// askTime is how long hosts that were heard have to say who they are.
const askTime = 20 * time.Second

// Heard is a gateway that was heard on the network and asked who it is. What
// it says of itself is not proven.
type Heard struct {
	Serial      string   `json:"serial"`
	Addresses   []string `json:"addresses"`
	Firmware    string   `json:"firmware,omitempty"`
	Certificate string   `json:"certificate,omitempty"` // SHA-256 of its public key
	NeedsToken  bool     `json:"needs_token"`

	answered bool // the host itself names this serial, too
}

// Blocks is the configuration to paste for them: one line, without double
// quotes, so that it can be copied from a log just as from the page.
func Blocks(all []Heard) string {
	blocks := make([]string, len(all))
	for i, h := range all {
		blocks[i] = "{serial: '" + h.Serial + "'"
		if h.Certificate != "" {
			blocks[i] += ", certificate: '" + h.Certificate + "'"
		}
		blocks[i] += "}"
	}
	return "gateways: [" + strings.Join(blocks, ", ") + "]"
}

// Listen hears who is a gateway on the network and asks each who it is. No
// secret is sent.
func Listen(ctx context.Context, interfaces []string, wait time.Duration) ([]Heard, error) {
	candidates, err := discover.Find(ctx, discover.Config{Interfaces: interfaces, Wait: wait})
	if err != nil {
		return nil, err
	}
	var all []Heard
	for _, c := range candidates { // by serial
		if n := len(all); n == 0 || all[n-1].Serial != c.Serial {
			all = append(all, Heard{Serial: c.Serial, Firmware: c.Firmware, Addresses: addressesOf(candidates, c.Serial)})
		}
	}
	// Anybody can announce many hosts that never answer: together they get no
	// more time than one that is slow.
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	var asking sync.WaitGroup
	for i := range all {
		asking.Go(func() { all[i].ask(ctx) })
	}
	asking.Wait()
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
		h.answered = true
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
	if g, ok := a.adopted(); ok {
		return g, true
	}
	pause := backoff.Backoff{First: 5 * time.Second, Longest: time.Minute}
	for {
		a.board.Beat("adopt", 3*time.Minute)
		heard, err := Listen(ctx, a.cfg.Discover.Interfaces, 0)
		if ctx.Err() != nil {
			a.board.Done("adopt")
			return config.Gateway{}, false
		}
		if err == nil && len(heard) == 1 && heard[0].answered {
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

// adopted returns the gateway that became ours at an earlier start.
func (a *App) adopted() (config.Gateway, bool) {
	for _, e := range a.state.book.All() {
		if e.Adopted {
			return config.Gateway{Serial: e.Serial}, true
		}
	}
	return config.Gateway{}, false
}

// take remembers the gateway as ours.
func (a *App) take(ctx context.Context, g config.Gateway, h Heard) error {
	if err := a.firstUse(ctx, g, h.Addresses); err != nil {
		return err
	}
	return a.state.book.Update(h.Serial, func(e *trust.Entry) { e.Adopted = true })
}

var errNoGateway = errors.New("no gateway was heard on the network")

func (a *App) reportHeard(heard []Heard, err error) {
	switch {
	case err != nil:
		mend := fault.Mend(err)
		if mend == "" {
			mend = "Check the network of this computer, or set gateways[] with serial and address."
		}
		a.board.Set(discovery, status.Red, err.Error(), mend)
	case len(heard) == 0:
		a.board.Set(discovery, status.Red, errNoGateway.Error(),
			"Check that the gateway has power and is on the same network; across networks set gateways[] with serial and address.")
	case len(heard) == 1:
		a.board.Set(discovery, status.Red,
			fmt.Sprintf("gateway %s is announced at %s, but does not answer there", heard[0].Serial, strings.Join(heard[0].Addresses, ", ")),
			"It may be starting; it is asked again. If it stays so, restart the gateway.")
	default:
		a.board.Set(discovery, status.Red, several(heard), "Paste those that are yours into the configuration:\n"+Blocks(heard))
	}
}

// several says which gateways were heard, and where.
func several(heard []Heard) string {
	hosts := make([]string, len(heard))
	for i, h := range heard {
		hosts[i] = h.Serial + " at " + strings.Join(h.Addresses, ", ")
	}
	return fmt.Sprintf("heard %d gateways, and only a single one is taken without asking: %s", len(heard), strings.Join(hosts, "; "))
}

// discovery names the condition about gateways that nobody configured.
const discovery = "discovery"

// listen lists gateways that are on the network and not read, now and each
// hour. None is asked anything: ours is busy, the others are not ours.
func (a *App) listen(ctx context.Context, ours string) error {
	for {
		heard, err := discover.Find(ctx, discover.Config{Interfaces: a.cfg.Discover.Interfaces})
		if ctx.Err() != nil {
			return nil
		}
		if err == nil { // else the gateway's own condition says what is wrong with the network
			a.reportOthers(ours, heard)
		}
		if !sleep(ctx, listenEvery) {
			return nil
		}
	}
}

func (a *App) reportOthers(ours string, heard []discover.Candidate) {
	var others []string
	for _, c := range heard {
		if c.Serial != ours && !slices.Contains(others, c.Serial) {
			others = append(others, c.Serial)
		}
	}
	message := "the gateway " + ours + " was found and adopted"
	if len(others) == 0 {
		a.board.Set(discovery, status.Green, message, "")
		return
	}
	a.board.Set(discovery, status.Green, message+"; also on the network, not read: "+strings.Join(others, ", "),
		"To read others too, add all that are yours, "+ours+" as well, to gateways[] in the configuration.")
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
