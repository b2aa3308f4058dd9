package app

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"envoyd/internal/cloud/enlighten"
	"envoyd/internal/config"
	"envoyd/internal/deliver"
	"envoyd/internal/fault"
	"envoyd/internal/live"
	"envoyd/internal/sink/influx"
	"envoyd/internal/sink/mqtt"
	"envoyd/internal/status"
	"envoyd/internal/web"

	"golang.org/x/sync/errgroup"
)

// App is one configuration at work.
type App struct {
	*daemon
	cfg   *config.Config
	state *state
	board *status.Board
	hub   *live.Hub
	web   *web.Server
	cloud *enlighten.Client // nil when it is not configured
	gate  gate              // the way back from the owner's consent
	owner atomic.Pointer[remoteOwner]

	// unsaved says that the ledger has something to write down within a second.
	unsaved atomic.Bool

	mu    sync.Mutex
	sites []*site
}

func newApp(d *daemon, cfg *config.Config, s *state) *App {
	return &App{daemon: d, cfg: cfg, state: s, board: status.NewBoard(d.opt.Log), hub: &live.Hub{}, gate: gate{life: d.opt.LinkLife}}
}

// influxSink is the name of InfluxDB's cursor in the store.
const influxSink = "influx"

// start builds the parts and runs each under g. What is built first is needed
// by what follows; nothing here waits for the outside.
func (a *App) start(ctx context.Context, g *errgroup.Group) error {
	a.board.Set("config", status.Green, "read from "+a.source(), "")
	g.Go(func() error { return a.state.store.Run(ctx) })
	g.Go(func() error { a.tend(ctx); return nil })
	for _, part := range []func(context.Context, *errgroup.Group) error{
		a.startCloud, a.startSocket, a.startWeb, a.startMQTT, a.startInflux, a.startSites,
	} {
		if err := part(ctx, g); err != nil {
			return err
		}
	}
	return nil
}

func (a *App) source() string {
	if a.cfg.File == "" {
		return "nothing: all defaults"
	}
	return a.cfg.File
}

func (a *App) close() {
	if err := a.state.close(); err != nil {
		a.opt.Log.Error("closing the state folder", "error", err)
	}
}

// startSites reads the configured gateways, or looks for the one there is.
func (a *App) startSites(ctx context.Context, g *errgroup.Group) error {
	for _, gw := range a.cfg.Gateways {
		if a.replaced(gw.Serial) {
			continue
		}
		s, err := a.addSite(gw)
		if err != nil {
			return err
		}
		g.Go(func() error { return s.run(ctx) })
	}
	if len(a.cfg.Gateways) > 0 {
		return nil
	}
	g.Go(func() error {
		gw, ok := a.adopt(ctx)
		if !ok {
			return nil
		}
		s, err := a.addSite(gw)
		if err != nil {
			a.board.Set("gateway/"+gw.Serial, status.Red, err.Error(), fault.Mend(err))
			return nil
		}
		a.reportOthers(gw.Serial, nil)
		g.Go(func() error { return a.listen(ctx, gw.Serial) })
		return s.run(ctx)
	})
	return nil
}

// replaced reports whether another gateway of the configuration took over.
func (a *App) replaced(serial string) bool {
	return slices.ContainsFunc(a.cfg.Gateways, func(g config.Gateway) bool { return g.Replaces == serial })
}

func (a *App) addSite(gw config.Gateway) (*site, error) {
	s, err := a.newSite(gw)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sites = append(a.sites, s)
	return s, nil
}

// allSites returns the gateways being read at present.
func (a *App) allSites() []*site {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.sites)
}

func (a *App) startMQTT(ctx context.Context, g *errgroup.Group) error {
	if a.cfg.MQTT.URL == "" {
		return nil
	}
	mc := mqttConfig(a.cfg, a.opt.Version)
	mc.Hub, mc.Facts, mc.Gateways = a.hub, a.mqttFacts, a.installations
	mc.StateDir, mc.Report, mc.Log = a.state.dir, a.reporter("mqtt"), a.opt.Log
	mc.Dial = a.opt.Dial
	p, err := mqtt.New(mc)
	if err != nil {
		return err
	}
	g.Go(func() error { return p.Run(ctx) })
	return nil
}

func mqttConfig(cfg *config.Config, version string) mqtt.Config {
	m := cfg.MQTT
	return mqtt.Config{
		URL: m.URL, Username: m.Username, Password: m.Password,
		CAFile: m.CAFile, CertFile: m.CertFile, KeyFile: m.KeyFile,
		ClientID: m.ClientID, Topic: m.Topic, Interval: m.Interval.Duration,
		HA: mqtt.HomeAssistant{
			Prefix: m.HomeAssistant.Prefix, Status: m.HomeAssistant.Status,
			Interval: m.HomeAssistant.Interval.Duration, Names: m.HomeAssistant.Names,
		},
		Version: version,
	}
}

// reporter sets the condition called name.
func (a *App) reporter(name string) func(status.State, string, string) {
	return func(s status.State, message, mend string) { a.board.Set(name, s, message, mend) }
}

func influxConfig(cfg *config.Config, log *slog.Logger) influx.Config {
	i := cfg.Influx
	return influx.Config{
		URL: i.URL, Org: i.Org, Bucket: i.Bucket, Token: i.Token,
		Username: i.Username, Password: i.Password, CAFile: i.CAFile,
		Prefix: i.Prefix, NoPrefix: i.Prefix == "", Tags: i.Tags, Interval: i.Interval.Duration, Log: log,
	}
}

func (a *App) startInflux(ctx context.Context, g *errgroup.Group) error {
	if a.cfg.Influx.URL == "" {
		return nil
	}
	ic := influxConfig(a.cfg, a.opt.Log)
	ic.Dial = a.opt.Dial
	sink, err := influx.New(ic)
	if err != nil {
		return err
	}
	if err := a.state.store.Register(influxSink); err != nil {
		return err
	}
	report := a.reporter(influxSink)
	g.Go(func() error {
		defer a.board.Done("deliver/" + influxSink)
		return deliver.Run(ctx, deliver.Config{
			Name: influxSink, Queue: a.state.store, Sink: sink,
			Report: func(h deliver.Health, message, mend string) { report(status.State(h), message, mend) },
			Beat:   func(within time.Duration) { a.board.Beat("deliver/"+influxSink, within) },
			Log:    a.opt.Log,
		})
	})
	return nil
}

// backlog is how many records the slowest sink has not taken.
func (a *App) backlog() int {
	if a.cfg.Influx.URL == "" {
		return 0
	}
	return a.state.store.Backlog(influxSink)
}

// How often the ledger is written besides at events, and the watchdog fed.
const (
	saveEvery = 5 * time.Minute
	tendEvery = time.Second
)

// tend feeds the watchdog while our own loops move, keeps the store's and the
// ledger's condition up to date, and saves the ledger now and then.
func (a *App) tend(ctx context.Context) {
	tick := time.NewTicker(tendEvery)
	defer tick.Stop()
	saved, fed := time.Now(), time.Time{}
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			if a.opt.Watchdog > 0 && now.Sub(fed) >= a.opt.Watchdog/3 && len(a.board.Stuck()) == 0 {
				a.notify("WATCHDOG=1")
				fed = now
			}
			if a.unsaved.Swap(false) || now.Sub(saved) >= saveEvery {
				a.saveLedger()
				saved = now
			}
			a.reportStore()
			a.reportState()
			a.reportRefused()
		}
	}
}

func (a *App) saveLedger() {
	if err := a.state.ledger.Save(); err != nil {
		a.board.Set("ledger", status.Red, err.Error(), "Make room on the disk, or make the state folder writable.")
		return
	}
	a.board.Set("ledger", status.Green, "counters are kept", "")
}

func (a *App) reportStore() {
	ok, message, mend := a.state.store.Health()
	if ok {
		a.board.Set("store", status.Green, cmp.Or(message, "readings are kept in "+a.state.dir), mend)
		return
	}
	a.board.Set("store", status.Red, message, mend)
}
