package app

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"envoyd/internal/cloud/enlighten"
	"envoyd/internal/collect"
	"envoyd/internal/config"
	"envoyd/internal/discover"
	"envoyd/internal/entrez"
	"envoyd/internal/fallback"
	"envoyd/internal/fault"
	"envoyd/internal/gateway"
	"envoyd/internal/reading"
	"envoyd/internal/secret"
	"envoyd/internal/status"
	"envoyd/internal/token"

	"golang.org/x/sync/errgroup"
)

// site is one gateway with all that belongs to it.
type site struct {
	app       *App
	cfg       config.Gateway
	gateway   string // the installation: first serial of the replaces chain
	client    *gateway.Client
	keeper    *token.Keeper
	collector *collect.Collector
	cloud     *enlighten.Client // nil without an application
	filler    *fallback.Filler  // nil without a cloud
	filled    atomic.Uint64     // minutes of the past that were kept
	wanted    chan struct{}     // closed once the gateway is known to want a token
	once      sync.Once
}

// newSite builds the parts of one gateway.
func (a *App) newSite(g config.Gateway) (*site, error) {
	if g.Name == "" {
		g.Name = "Envoy " + g.Serial
	}
	s := &site{app: a, cfg: g, gateway: installation(a.cfg.Gateways, g), wanted: make(chan struct{})}
	s.client = gateway.New(gateway.Config{
		Serial:       g.Serial,
		Pins:         g.Certificate,
		Password:     g.Password,
		Token:        func() secret.Text { return s.keeper.Current().Text },
		Book:         a.state.book,
		ClockTrusted: a.clock.Trusted,
		Log:          a.opt.Log,
		Dial:         a.opt.Dial,
	})
	keeper, err := token.NewKeeper(token.KeeperConfig{
		Serial:       g.Serial,
		Files:        a.state.tokens,
		Configured:   g.Token,
		Account:      token.Account{Username: a.cfg.Account.Username, Password: a.cfg.Account.Password},
		Fetcher:      a.fetcher(),
		Verifier:     s.client,
		ClockTrusted: a.clock.Trusted,
		Report:       func(st status.State, message, mend string) { a.board.Set("token/"+g.Serial, st, message, mend) },
		Log:          a.opt.Log,
	})
	if err != nil {
		return nil, err
	}
	s.keeper = keeper
	s.cloud = a.cloudFor(g.Serial)
	s.openFiller()
	s.collector = collect.New(s.collectConfig())
	a.resume(s.gateway)
	return s, nil
}

func (s *site) collectConfig() collect.Config {
	a, g := s.app, s.cfg
	c := collect.Config{
		Gateway:      s.gateway,
		Serial:       g.Serial,
		Name:         g.Name,
		Address:      g.Address,
		Remembered:   s.remembered,
		Find:         s.find,
		Targets:      targets(a.cfg.Poll),
		Client:       s.client,
		Ledger:       a.state.ledger,
		Keep:         kept{s},
		Hub:          a.hub,
		Board:        a.board,
		Clock:        a.clock,
		Past:         s.past,
		Gap:          s.gap,
		Awaited:      s.filler != nil,
		TokenIssued:  func() time.Time { return s.keeper.Current().IssuedAt },
		TokenComing:  s.keeper.Coming,
		TokenDays:    s.tokenDays,
		Backlog:      a.backlog,
		TokenRefused: s.keeper.Refused,
		Save:         func() { a.unsaved.Store(true) },
		Connected:    s.connected,
		Established:  a.established(s.gateway),
		ZoneKnown:    a.zoneKnown(s.gateway),
		Log:          a.opt.Log,
	}
	if g.Timezone != "" {
		c.Zone, _ = time.LoadLocation(g.Timezone) // checked by config
	}
	return c
}

func targets(p config.Poll) collect.Targets {
	return collect.Targets{
		Meters:    p.Meters.Duration,
		Batteries: p.Batteries.Duration,
		Inverters: p.Inverters.Duration,
		Live:      p.Live.Duration,
		Status:    p.Status.Duration,
	}
}

// run reads the gateway and keeps its token until ctx ends.
func (s *site) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	if entry, _ := s.app.state.book.Get(s.cfg.Serial); entry.HTTPS {
		s.once.Do(func() { close(s.wanted) })
	}
	g.Go(func() error {
		select {
		case <-s.wanted:
			s.keeper.Run(ctx)
		case <-ctx.Done():
		}
		return nil
	})
	g.Go(func() error { return s.collector.Run(ctx) })
	g.Go(func() error { s.fallback(ctx); return nil })
	err := g.Wait()
	s.client.Close()
	return err
}

// connected begins to look after the token once the gateway turns out to want
// one: firmware below 7 knows none, and its owner is not told to fetch one.
func (s *site) connected(info gateway.Info) {
	if info.WebTokens || info.Firmware.AtLeast("7") {
		s.once.Do(func() { close(s.wanted) })
	}
}

// remembered returns where the gateway answered last.
func (s *site) remembered() string {
	entry, _ := s.app.state.book.Get(s.cfg.Serial)
	return entry.Address
}

// find hears where the gateway says it is. Before its key is known, two hosts
// with two keys for one serial are refused: one of them lies.
func (s *site) find(ctx context.Context) ([]string, error) {
	heard, err := discover.Find(ctx, discover.Config{Interfaces: s.app.cfg.Discover.Interfaces})
	if err != nil {
		return nil, err
	}
	addresses := addressesOf(heard, s.cfg.Serial)
	if err := s.app.firstUse(ctx, s.cfg, addresses); err != nil {
		s.app.board.Set("trust/"+s.cfg.Serial, status.Red, err.Error(), fault.Mend(err))
		return nil, err
	}
	s.app.board.Forget("trust/" + s.cfg.Serial)
	return addresses, nil
}

func (s *site) tokenDays() reading.Value {
	t := s.keeper.Current()
	if t.ExpiresAt.IsZero() {
		return reading.Value{}
	}
	return reading.Of(time.Until(t.ExpiresAt).Hours() / 24)
}

// installation follows the replaces chain to the first serial.
func installation(all []config.Gateway, g config.Gateway) string {
	first := g.Serial
	for range len(all) + 1 {
		if g.Replaces == "" {
			return first
		}
		first = g.Replaces
		older, ok := gatewayOf(all, g.Replaces)
		if !ok {
			return first
		}
		g = older
	}
	return first
}

func gatewayOf(all []config.Gateway, serial string) (config.Gateway, bool) {
	for _, g := range all {
		if g.Serial == serial {
			return g, true
		}
	}
	return config.Gateway{}, false
}

// fetcher logs in to Enphase for a token; nil when no account is configured.
func (a *App) fetcher() token.Fetcher {
	if a.cfg.Account.Username == "" {
		return nil
	}
	client, err := entrezOf(a.cfg, a.opt.Log)
	if err != nil {
		a.board.Set("account", status.Red, err.Error(), fault.Mend(err))
		return nil
	}
	return entrez.Account{Client: client, Login: entrez.Login{Email: a.cfg.Account.Username, Password: a.cfg.Account.Password}}
}
