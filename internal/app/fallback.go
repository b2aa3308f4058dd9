package app

import (
	"context"
	"errors"
	"slices"
	"time"

	"envoyd/internal/cloud/enlighten"
	"envoyd/internal/fallback"
	"envoyd/internal/fault"
	"envoyd/internal/reading"
)

// standIns is the condition about who stands in for a silent gateway; with
// several gateways each has its own.
const standIns = "cloud"

// fallback has the cloud stand in while the gateway is silent, until ctx ends.
// Nothing happens where no application is configured.
func (s *site) fallback(ctx context.Context) {
	a := s.app
	if a.cloud == nil {
		return
	}
	fallback.Run(ctx, fallback.Config{
		After:   a.cfg.Cloud.After.Duration,
		Cloud:   s,
		Contact: func() fallback.Contact { return fallback.Contact(s.collector.Contact()) },
		StandIn: s.standIn,
		Board:   a.board,
		Name:    s.standIns(),
		Log:     a.opt.Log,
	})
}

func (s *site) standIns() string {
	if len(s.app.cfg.Gateways) > 1 {
		return standIns + "/" + s.cfg.Serial
	}
	return standIns
}

var errOtherHome = errors.New("the home that the cloud was granted for has another gateway")

// Latest asks the cloud for the present power. Of several gateways it knows
// only the one that the consent was given for.
func (s *site) Latest(ctx context.Context, since time.Time) (enlighten.Sample, error) {
	if len(s.app.cfg.Gateways) > 1 {
		h, err := s.app.cloud.Home(ctx)
		if err != nil {
			return enlighten.Sample{}, err
		}
		if !slices.Contains(h.Gateways, s.cfg.Serial) {
			return enlighten.Sample{}, &fault.Error{
				Kind: fault.Unsupported, Op: "asking the cloud for gateway " + s.cfg.Serial, Err: errOtherHome,
			}
		}
	}
	return s.app.cloud.Latest(ctx, since)
}

func (s *site) standIn(sample enlighten.Sample) bool {
	return s.collector.StandIn(reading.Enlighten, sample.Power, sample.Time, sample.Mean > 0)
}

// past is the newest measurement of the gateway's own before the start.
func (s *site) past() (reading.Record, bool) {
	if s.app.state.store == nil {
		return reading.Record{}, false
	}
	return s.app.state.store.LastFrom(s.gateway, reading.TierPower, reading.Local)
}
