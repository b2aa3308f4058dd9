package app

import (
	"errors"

	"envoyd/internal/fallback"
	"envoyd/internal/ledger"
	"envoyd/internal/reading"
)

// missed has the ledger count what no hardware counted during a gap.
func (s *site) missed(m fallback.Missed) (fallback.Credit, error) {
	c, err := s.app.state.ledger.Missed(s.gateway, ledger.Missed(m))
	return fallback.Credit{Energy: c.Energy, Now: c.Now}, err
}

// kept keeps a site's readings.
type kept struct{ site *site }

// Append keeps a record, without the energies that wait for what was missed in
// a gap. The store cannot lift the ledger to those after a crash, so the ledger
// itself is written down first: what is published never falls.
func (k kept) Append(rec reading.Record) (uint64, error) {
	s := k.site
	if s.filler == nil || rec.Tier != reading.TierPower {
		return s.app.state.store.Append(rec)
	}
	rec, held := s.filler.Held(rec)
	if !held {
		return s.app.state.store.Append(rec)
	}
	saved := s.app.state.ledger.Save()
	seq, err := s.app.state.store.Append(rec)
	return seq, errors.Join(err, saved)
}
