package store

import (
	"context"
	"fmt"
	"time"

	"envoyd/internal/reading"
)

// Inverters calls each with the inverter records of a gateway measured in
// [from, to), in order, for as long back as minutes are kept. Their Seq is 0.
func (s *Store) Inverters(ctx context.Context, gateway string, from, to time.Time, each func(reading.Record)) error {
	blocks, err := s.reportBlocks(gateway, from, to)
	if err != nil {
		return err
	}
	for _, data := range blocks {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := eachReport(data, func(rec reading.Record) {
			if !rec.Time.Before(from) && rec.Time.Before(to) {
				each(rec)
			}
		})
		if err != nil {
			return fmt.Errorf("reading inverter reports: %w", err)
		}
	}
	return nil
}

// reportBlocks reads the blocks on disk and the one in memory.
func (s *Store) reportBlocks(gateway string, from, to time.Time) ([][]byte, error) {
	s.disk.Lock()
	defer s.disk.Unlock()
	var blocks [][]byte
	if s.db != nil {
		err := eachRow(s.db, `SELECT data FROM inverters JOIN gateways ON gateways.id = inverters.gateway
			WHERE gateways.gateway = ? AND last >= ? AND first <= ? ORDER BY first`, func(scan scanner) error {
			var block []byte
			if err := scan(&block); err != nil {
				return err
			}
			data, err := openBlock(block)
			blocks = append(blocks, data)
			return err
		}, gateway, from.UnixMilli(), to.UnixMilli())
		if err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.pending[gateway]; g != nil {
		blocks = append(blocks, append([]byte(nil), g.reports.data...))
	}
	return blocks, nil
}
