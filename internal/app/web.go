package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"envoyd/internal/reading"
	"envoyd/internal/store"
	"envoyd/internal/web"

	"golang.org/x/sync/errgroup"
)

// startWeb serves the page and the API, unless it is switched off.
func (a *App) startWeb(ctx context.Context, g *errgroup.Group) error {
	if a.cfg.HTTP.Listen != "" {
		g.Go(func() error { return a.web.Run(ctx) })
	}
	return nil
}

// newWeb makes what answers on the page's address and on the socket; the socket
// needs its handler in any case.
func (a *App) newWeb() *web.Server {
	return web.New(web.Config{
		Listen:   a.cfg.HTTP.Listen,
		Hosts:    a.cfg.HTTP.Hosts,
		Hub:      a.hub,
		Board:    a.board,
		History:  a.history,
		Gateways: a.webGateways,
		Daemon:   a.webDaemon,
		Connect:  a.gate.visit,
		Version:  a.opt.Version,
		Log:      a.opt.Log,
	})
}

// history asks the store.
func (a *App) history(ctx context.Context, q web.Query) (web.Series, error) {
	found, err := a.state.store.History(ctx, store.Query(q))
	if errors.Is(err, store.ErrQuery) {
		return web.Series{}, fmt.Errorf("%w: %w", web.ErrQuery, err)
	}
	if err != nil {
		return web.Series{}, err
	}
	if q.Gateway != "" && blank(found) && !a.knows(q.Gateway) {
		return web.Series{}, fmt.Errorf("%w: gateway: none is known by this name", web.ErrQuery)
	}
	s := web.Series{Columns: found.Columns, Step: found.Step}
	for _, row := range found.Rows {
		s.Times = append(s.Times, row.Time)
		s.Values = append(s.Values, row.Values)
	}
	return s, nil
}

// blank reports whether nothing is known of any step.
func blank(s store.Series) bool {
	return !slices.ContainsFunc(s.Rows, func(row store.Row) bool { return slices.ContainsFunc(row.Values, reading.Value.Known) })
}

// knows reports whether an installation is read now or was in the past.
func (a *App) knows(installation string) bool {
	_, past := a.state.store.Last(installation, reading.TierPower)
	return past || slices.Contains(a.installations(), installation)
}

func (a *App) webGateways() []web.Gateway {
	var all []web.Gateway
	cloud := a.webCloud()
	for _, s := range a.allSites() {
		t := s.collector.Totals()
		g := web.Gateway{
			Gateway: s.gateway, Serial: s.cfg.Serial, Name: s.cfg.Name, Zone: zoneName(s.collector.Zone(), os.Getenv("TZ"), "/etc/localtime"),
			TokenExpires: s.tokenExpires(), Polls: t.Polls, Failures: t.Failures, Refused: t.Refused, Held: t.Held,
			RefusedFor: a.state.ledger.RefusedCounts(s.gateway),
			LatencyMs:  float64(t.Latency) / float64(time.Millisecond),
			Cloud:      cloud,
		}
		if info, ok := s.collector.Info(); ok {
			g.Firmware, g.Address = info.Firmware.String(), urlOf(info)
		}
		if plan, ok := s.collector.Plan(); ok {
			g.Sources = plan.Lines()
		}
		all = append(all, g)
	}
	return all
}

func (a *App) webDaemon() web.Daemon {
	d := web.Daemon{StoreBytes: a.state.store.Size(), StoreDropped: a.state.store.Dropped(), Cloud: a.webCloud()}
	if a.cfg.Influx.URL != "" {
		d.Backlog = map[string]int{influxSink: a.backlog()}
	}
	return d
}
