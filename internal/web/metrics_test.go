package web_test

import (
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"envoyd/internal/reading"
	"envoyd/internal/status"
)

// direct asks without a network.
func (h *house) direct(path string) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	h.server.Handler().ServeHTTP(answer, httptest.NewRequest("GET", path, nil))
	return answer
}

var series = regexp.MustCompile(`(?m)^((?:enphase|envoyd)_\w*(?:\{.*\})?) `)

func (h *house) series() []string {
	var names []string
	for _, found := range series.FindAllStringSubmatch(h.direct("/metrics").Body.String(), -1) {
		names = append(names, found[1])
	}
	return names
}

func TestMetricNamesAreFrozen(t *testing.T) {
	h := newHouse(nil)
	h.board.Set("store", status.Green, "kept", "")
	h.hub.Publish(measured(home, "Home", time.Now(), 807.3))
	golden(t, "metrics", h.series())
}

func TestMetricsTellTheTruth(t *testing.T) {
	h := newHouse(nil)
	h.board.Set("mqtt", status.Red, "refused", "")
	h.hub.Publish(measured(home, "Home", time.Unix(1782036000, 0), 807.3))
	text := h.direct("/metrics").Body.String()
	for _, want := range []string{
		`enphase_power_watts{flow="production",gateway="122333444555"} 807.3`,
		`enphase_power_watts{flow="battery",gateway="122333444555"} -400`,
		`enphase_energy_watt_hours_total{flow="charge",gateway="122333444555"} 300`,
		`enphase_reading_timestamp_seconds{gateway="122333444555"} 1.782036e+09`,
		`envoyd_condition{name="mqtt"} 2`,
		`# TYPE enphase_power_watts gauge`,
		`# TYPE enphase_energy_watt_hours_total counter`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("there is no %s", want)
		}
	}
	if strings.Contains(text, "generator") {
		t.Error("a generator is told of, though there is none")
	}
}

func TestMetricsLeaveOutWhatIsStale(t *testing.T) {
	h := newHouse(nil)
	r := measured(home, "Home", time.Now(), 807.3)
	r.Quality = reading.Stale
	h.hub.Publish(r)
	text := strings.Join(h.series(), "\n")
	if strings.Contains(text, "enphase_power_watts") {
		t.Error("stale power is repeated")
	}
	if !strings.Contains(text, "enphase_reading_timestamp_seconds") {
		t.Error("nothing tells how old the reading is")
	}
}

func TestMetricsSurviveALabelThatIsNoText(t *testing.T) {
	h := newHouse(nil)
	h.board.Set("gateway/\xff", status.Red, "broken", "")
	h.board.Set("store", status.Green, "kept", "")
	if names := strings.Join(h.series(), "\n"); !strings.Contains(names, `envoyd_condition{name="store"}`) {
		t.Errorf("one label took the others along: %s", names)
	}
}
