package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"envoyd/internal/reading"
)

// witness listens at the broker and is the database.
type witness struct {
	client paho.Client
	server *http.Server

	mu   sync.Mutex
	mqtt map[reading.Source]time.Time // when a power of that source was last said
	line map[reading.Source]time.Time // when one was last written
}

// begin starts to listen.
func (p *play) begin() error {
	s := &p.see
	s.mqtt, s.line = map[reading.Source]time.Time{}, map[reading.Source]time.Time{}
	s.server = &http.Server{Addr: p.influx, Handler: http.HandlerFunc(s.take), ReadHeaderTimeout: time.Minute}
	go func() { _ = s.server.ListenAndServe() }() // what was not written is missed
	u, err := url.Parse(p.mqtt)
	if err != nil {
		return fmt.Errorf("the broker's URL: %w", err)
	}
	password, _ := u.User.Password()
	o := paho.NewClientOptions().AddBroker("tcp://" + u.Host).SetUsername(u.User.Username()).SetPassword(password).SetClientID("demo-outage")
	s.client = paho.NewClient(o)
	for _, step := range []func() paho.Token{s.client.Connect, func() paho.Token { return s.client.Subscribe("envoyd/+/power", 0, s.hear) }} {
		if token := step(); !token.WaitTimeout(10*time.Second) || token.Error() != nil {
			return errors.Join(errors.New("listening at the broker"), token.Error())
		}
	}
	return nil
}

func (p *play) end() {
	p.see.client.Disconnect(100)
	_ = p.see.server.Close() // the program ends
}

func (s *witness) hear(_ paho.Client, m paho.Message) {
	var r struct{ Source reading.Source }
	if json.Unmarshal(m.Payload(), &r) != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mqtt[r.Source] = time.Now()
}

// take is the database: it keeps no more than what it was sent when.
func (s *witness) take(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for line := range strings.SplitSeq(string(body), "\n") {
		for _, source := range []reading.Source{reading.Local, reading.Enlighten} {
			if strings.HasPrefix(line, "enphase_power,") && strings.Contains(line, ",source="+string(source)+" ") {
				s.line[source] = time.Now()
			}
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *witness) mqttSaid(source reading.Source, after time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mqtt[source].After(after)
}

func (s *witness) influxTook(source reading.Source, after time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.line[source].After(after)
}

// reading is the newest reading of the page's API.
func (p *play) reading(ctx context.Context) (reading.Reading, error) {
	var all []reading.Reading
	if err := get(ctx, p.page+"/api/v1/readings", &all); err != nil {
		return reading.Reading{}, err
	}
	if len(all) == 0 {
		return reading.Reading{}, errors.New("the page has no reading yet")
	}
	return all[0], nil
}

func (p *play) ready(ctx context.Context) bool {
	return get(ctx, p.page+"/readyz", &struct{}{}) == nil
}

// holes counts the minutes of the play without production.
func (p *play) holes(ctx context.Context) (int, error) {
	var h struct {
		Columns []string
		Rows    [][]any
	}
	form := func(t time.Time) string { return t.UTC().Truncate(time.Minute).Format(time.RFC3339) }
	query := url.Values{"from": {form(p.began)}, "to": {form(time.Now())}, "step": {"1m"}}
	if err := get(ctx, p.page+"/api/v1/history?"+query.Encode(), &h); err != nil {
		return 0, err
	}
	n := 0
	for i, column := range h.Columns {
		for _, row := range h.Rows {
			if column == "production_w" && row[i] == nil {
				n++
			}
		}
	}
	if len(h.Rows) == 0 {
		return 1, nil
	}
	return n, nil
}

// compared returns a reading and what the simulated home had really produced
// in the second that it is of.
func (p *play) compared(ctx context.Context) (r reading.Reading, produced float64, err error) {
	var truth struct {
		Time         time.Time
		ProductionWh float64
	}
	if err := get(ctx, "http://"+p.gateway+"/_sim/truth", &truth); err != nil {
		return r, 0, err
	}
	err = p.until(ctx, time.Minute, func() (bool, error) {
		r, err = p.reading(ctx)
		return err == nil && !r.Time.Before(truth.Time.Truncate(time.Second)), err
	})
	return r, truth.ProductionWh, err
}

func (p *play) post(ctx context.Context, path string, query url.Values) error {
	return ask(ctx, http.MethodPost, "http://"+p.gateway+path+"?"+query.Encode(), nil)
}

func get(ctx context.Context, address string, into any) error {
	return ask(ctx, http.MethodGet, address, into)
}

func ask(ctx context.Context, method, address string, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, address, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("%s answers %s", address, resp.Status)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(body, into)
}
