package ledger

import (
	"log/slog"
	"time"
)

// DayLength is how long the local day lasts that noon lies in.
func DayLength(noon time.Time) time.Duration {
	d := day{}.hold(noon, noon.Location())
	return time.Duration(d.end-d.start) * time.Millisecond
}

// Decode is Open without a file.
func Decode(data []byte) (*Ledger, error) {
	houses, err := decode(data)
	return &Ledger{log: slog.New(slog.DiscardHandler), houses: houses}, err
}

// Encode is Save without a file.
func (l *Ledger) Encode() ([]byte, error) { return encode(l.houses) }
