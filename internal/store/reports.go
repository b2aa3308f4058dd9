package store

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"envoyd/internal/reading"
)

// reports are the inverter records that are not in a block on disk yet: each
// its length and its JSON. Blocks outlive the raw segments, so that a panel
// can be compared with what it gave a year ago.
type reports struct {
	data        []byte
	first, last time.Time
}

// reportsMax bounds them while the disk cannot be written.
const reportsMax = 512 << 10

func (r *reports) add(rec reading.Record) {
	text, err := toText(rec)
	if err != nil || len(r.data)+len(text) > reportsMax {
		return
	}
	if len(r.data) == 0 || rec.Time.Before(r.first) {
		r.first = rec.Time
	}
	if rec.Time.After(r.last) {
		r.last = rec.Time
	}
	r.data = binary.AppendUvarint(r.data, uint64(len(text)))
	r.data = append(r.data, text...)
}

func (r *reports) putBack(later reports) {
	if len(later.data) == 0 || len(r.data)+len(later.data) > reportsMax {
		return
	}
	if len(r.data) == 0 || later.first.Before(r.first) {
		r.first = later.first
	}
	if later.last.After(r.last) {
		r.last = later.last
	}
	r.data = append(r.data, later.data...)
}

// block is the compressed form on disk.
func (r *reports) block() ([]byte, error) {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestSpeed)
	if err == nil {
		_, err = w.Write(r.data)
		err = errors.Join(err, w.Close())
	}
	if err != nil {
		return nil, fmt.Errorf("compressing inverter reports: %w", err)
	}
	return out.Bytes(), nil
}

func openBlock(block []byte) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(block)), reportsMax))
	if err != nil {
		return nil, fmt.Errorf("reading inverter reports: %w", err)
	}
	return data, nil
}

// eachReport calls f with the records in data.
func eachReport(data []byte, f func(reading.Record)) error {
	for len(data) > 0 {
		size, n := binary.Uvarint(data)
		if n <= 0 || size > uint64(len(data)-n) {
			return errPayload
		}
		rec, err := fromText(data[n:n+int(size)], 0)
		if err != nil {
			return err
		}
		f(rec)
		data = data[n+int(size):]
	}
	return nil
}
