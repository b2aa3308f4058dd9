package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"envoyd/internal/config"
	"envoyd/internal/derive"
	"envoyd/internal/fault"
	"envoyd/internal/gateway"
	"envoyd/internal/hostclock"
	"envoyd/internal/ledger"
	"envoyd/internal/reading"
	"envoyd/internal/status"
	"envoyd/internal/store"
	"envoyd/internal/token"
	"envoyd/internal/trust"
)

// ErrBusy means that another process works on the state folder at present.
var ErrBusy = store.ErrLocked

// Direct works on the state folder without a daemon, as its owner. It holds
// the folder's lock, so that two processes never ask one gateway at once.
type Direct struct {
	app  *App
	lock *store.Lock
}

// OpenDirect takes the lock and opens what the commands need.
func OpenDirect(cfg *config.Config, log *slog.Logger) (*Direct, error) {
	dir := cfg.StateDir()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the state folder: %w; run this as its owner, or give another one in store.path", err)
	}
	lock, err := store.TryLock(dir)
	if err != nil {
		return nil, err
	}
	d, err := openLocked(cfg, dir, log)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	d.lock = lock
	return d, nil
}

func openLocked(cfg *config.Config, dir string, log *slog.Logger) (*Direct, error) {
	book, err := trust.Open(dir)
	if err != nil {
		return nil, err
	}
	counts, err := ledger.Open(ledger.Config{Path: filepath.Join(dir, "ledger.json"), Log: log})
	if err != nil {
		return nil, err
	}
	d := &daemon{opt: Options{Log: log}, clock: &hostclock.Clock{}}
	a := newApp(d, cfg, &state{dir: dir, book: book, tokens: token.Open(dir), ledger: counts})
	a.board = status.NewBoard(slog.New(slog.DiscardHandler)) // the command says what went wrong itself
	return &Direct{app: a}, nil
}

// Close gives the folder back.
func (d *Direct) Close() error {
	return errors.Join(d.app.state.book.Save(), giveBack(d.app.state.dir), d.lock.Close())
}

// Result is what one gateway said when it was asked directly.
type Result struct {
	Serial  string
	Reading reading.Reading
	Plan    derive.Plan
	Err     error
}

// Read asks every endpoint of each gateway once, all gateways at the same
// time: one that hangs takes nothing from the others.
func (d *Direct) Read(ctx context.Context) ([]Result, error) {
	sites, err := d.sites(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]Result, len(sites))
	var asking sync.WaitGroup
	for i, s := range sites {
		asking.Go(func() { all[i] = s.readOnce(ctx) })
	}
	asking.Wait()
	return all, nil
}

// readOnce asks every endpoint of the gateway once.
func (s *site) readOnce(ctx context.Context) Result {
	defer s.client.Close()
	r := Result{Serial: s.cfg.Serial}
	if err := s.ensureToken(ctx); err != nil {
		s.app.opt.Log.Debug("no token", "serial", s.cfg.Serial, "error", err)
	}
	r.Reading, r.Plan, r.Err = s.collector.Once(ctx)
	return r
}

// ensureToken fetches a token when there is none and an account to do it with;
// a valid one is never renewed here.
func (s *site) ensureToken(ctx context.Context) error {
	if !s.keeper.Current().Text.IsZero() || s.app.cfg.Account.Username == "" {
		return nil
	}
	info, err := s.app.reach(ctx, s)
	if err != nil || !needsToken(info) {
		return err
	}
	return s.keeper.Ensure(ctx)
}

// sites returns the configured gateways, or the one there is.
func (d *Direct) sites(ctx context.Context) ([]*site, error) {
	gateways := d.app.cfg.Gateways
	if len(gateways) == 0 {
		g, err := d.only(ctx)
		if err != nil {
			return nil, err
		}
		gateways = []config.Gateway{g}
	}
	var all []*site
	for _, g := range gateways {
		if d.app.replaced(g.Serial) {
			continue
		}
		s, err := d.app.newSite(g)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// only returns the adopted gateway, else the only one on the network.
func (d *Direct) only(ctx context.Context) (config.Gateway, error) {
	if g, ok := d.app.adopted(); ok {
		return g, nil
	}
	heard, err := Listen(ctx, d.app.cfg.Discover.Interfaces, 0)
	if err != nil {
		return config.Gateway{}, err
	}
	switch len(heard) {
	case 1:
		return config.Gateway{Serial: heard[0].Serial}, nil
	case 0:
		return config.Gateway{}, &fault.Error{Err: errNoGateway,
			Mend: "Check that it has power and is on this network, or set gateways[] with serial and address in the configuration."}
	}
	return config.Gateway{}, &fault.Error{Err: errors.New(several(heard)),
		Mend: "Paste those that are yours into the configuration:\n" + Blocks(heard)}
}

// reach connects to the gateway at its configured, remembered or announced
// address.
func (a *App) reach(ctx context.Context, s *site) (info gateway.Info, err error) {
	addresses := []string{s.cfg.Address}
	if s.cfg.Address == "" {
		addresses = []string{s.remembered()}
		if addresses[0] == "" {
			if addresses, err = s.find(ctx); err != nil {
				return info, err
			}
		}
	}
	err = errNoGateway
	for _, address := range addresses {
		if info, err = s.client.Connect(ctx, address); err == nil {
			return info, nil
		}
	}
	return info, err
}

// Tokens returns what may be told of each stored token.
func (d *Direct) Tokens(ctx context.Context) ([]TokenState, error) {
	sites, err := d.sites(ctx)
	if err != nil {
		return nil, err
	}
	states := []TokenState{}
	for _, s := range sites {
		states = append(states, stateOf(s.cfg.Serial, s.keeper.Current()))
	}
	return states, nil
}

// wants returns the gateway that a token for serial is for: a configured one,
// the adopted one, or any as long as there is neither.
func (d *Direct) wants(serial string) (config.Gateway, error) {
	if g, ok := gatewayOf(d.app.cfg.Gateways, serial); ok {
		return g, nil
	}
	ours := len(d.app.cfg.Gateways) > 0
	for _, e := range d.app.state.book.All() {
		ours = ours || e.Adopted && e.Serial != serial
	}
	if ours {
		return config.Gateway{}, &fault.Error{Kind: fault.Config, Err: fmt.Errorf("the token is for gateway %s, which is not read here", serial),
			Mend: "Copy the token of your own gateway, or add that one to gateways[] in the configuration."}
	}
	return config.Gateway{Serial: serial}, nil
}

// SetToken stores a pasted token, after asking the gateway if it can be
// reached.
func (d *Direct) SetToken(ctx context.Context, pasted string) (TokenState, error) {
	t, err := token.Pasted(pasted)
	if err != nil {
		return TokenState{}, err
	}
	g, err := d.wants(t.Serial)
	if err != nil {
		return TokenState{}, err
	}
	s, err := d.app.newSite(g)
	if err != nil {
		return TokenState{}, err
	}
	short, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	_, away := d.app.reach(short, s)
	defer s.client.Close()
	err = s.keeper.Offer(ctx, t) // says what becomes of it when the gateway is away
	if away != nil && errors.Is(err, gateway.ErrNotConnected) {
		return TokenState{}, &fault.Error{Kind: fault.KindOf(away), Op: "storing a token", Err: away, Mend: fault.Mend(err)}
	}
	if err != nil {
		return TokenState{}, err
	}
	return stateOf(t.Serial, s.keeper.Current()), nil
}

// RenewToken logs in for a new token now.
func (d *Direct) RenewToken(ctx context.Context, serial string) ([]TokenState, error) {
	sites, err := d.sites(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range sites {
		if serial != "" && serial != s.cfg.Serial {
			continue
		}
		if _, err := d.app.reach(ctx, s); err != nil {
			return nil, err
		}
		defer s.client.Close()
		if err := s.keeper.Renew(ctx); err != nil {
			return nil, err
		}
	}
	return d.Tokens(ctx)
}

// Key returns the pinned and the present key of a gateway.
func (d *Direct) Key(ctx context.Context, serial string) (KeyState, error) {
	s, err := d.siteFor(ctx, serial)
	if err != nil {
		return KeyState{}, err
	}
	return d.app.keyState(ctx, s), nil
}

// Trust pins the key that Key has shown.
func (d *Direct) Trust(ctx context.Context, k KeyState) error {
	s, err := d.siteFor(ctx, k.Serial)
	if err != nil {
		return err
	}
	return d.app.pin(ctx, s, k.Present)
}

func (d *Direct) siteFor(ctx context.Context, serial string) (*site, error) {
	sites, err := d.sites(ctx)
	if err != nil {
		return nil, err
	}
	d.app.sites = sites
	return d.app.siteBySerial(serial)
}
