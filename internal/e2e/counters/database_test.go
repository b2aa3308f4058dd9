package counters_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// point is what the database holds of a series at one time.
type point struct {
	series string
	ms     int64
	fields map[string]float64
}

// database takes lines as InfluxDB 2 does.
type database struct {
	t      *testing.T
	server *http.Server
	ended  chan struct{}

	mu   sync.Mutex
	held map[string]point // by series and time
}

func newDatabase(w *world) *database {
	d := &database{t: w.t, held: map[string]point{}, ended: make(chan struct{})}
	d.server = &http.Server{Handler: d} //nolint:gosec // in memory
	go func() {
		defer close(d.ended)
		_ = d.server.Serve(w.net[influxAt]) // ends with Close
	}()
	return d
}

func (d *database) close() {
	_ = d.server.Shutdown(context.Background()) // nobody asks any more
	<-d.ended
}

func (d *database) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil || r.URL.Path != "/api/v2/write" || r.URL.Query().Get("precision") != "ms" {
		http.Error(w, `{"code":"invalid","message":"wrong address"}`, http.StatusBadRequest)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for line := range strings.SplitSeq(strings.TrimSpace(string(body)), "\n") {
		p, err := parseLine(line)
		if err != nil {
			d.t.Errorf("not a line of the protocol: %q: %v", line, err)
			continue
		}
		d.take(p)
	}
	w.WriteHeader(http.StatusNoContent)
}

// take holds a point; the same one may come again, another in its place not.
// Microinverters are left out: the gateway's two pages about them do not learn
// of a report at the same moment.
func (d *database) take(p point) {
	key := fmt.Sprint(p.series, " ", p.ms)
	inverter := strings.HasPrefix(p.series, "enphase_inverter,")
	if old, ok := d.held[key]; ok && !inverter && fmt.Sprint(old.fields) != fmt.Sprint(p.fields) {
		d.t.Errorf("%s: %v came again as %v", key, old.fields, p.fields)
	}
	d.held[key] = p
}

// parseLine reads a line as the daemon writes it: without escapes.
func parseLine(line string) (point, error) {
	parts := strings.Split(line, " ")
	if len(parts) != 3 {
		return point{}, fmt.Errorf("%d parts", len(parts))
	}
	p := point{series: parts[0], fields: map[string]float64{}}
	for pair := range strings.SplitSeq(parts[1], ",") {
		name, text, _ := strings.Cut(pair, "=")
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return point{}, err
		}
		p.fields[name] = n
	}
	var err error
	p.ms, err = strconv.ParseInt(parts[2], 10, 64)
	return p, err
}

// points returns a measurement's points in the order of their time.
func (d *database) points(measurement string) []point {
	d.mu.Lock()
	defer d.mu.Unlock()
	var found []point
	for _, p := range d.held {
		if strings.HasPrefix(p.series, measurement+",") {
			found = append(found, p)
		}
	}
	slices.SortFunc(found, func(a, b point) int { return int(a.ms - b.ms) })
	return found
}

// last returns the newest value of a field, and its time in ms.
func (d *database) last(measurement, field string) (value float64, ms int64, ok bool) {
	points := d.points(measurement)
	for i := len(points) - 1; i >= 0; i-- {
		if value, ok = points[i].fields[field]; ok {
			return value, points[i].ms, true
		}
	}
	return 0, 0, false
}
