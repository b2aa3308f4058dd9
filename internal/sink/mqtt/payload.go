package mqtt

import (
	"encoding/json"
	"time"

	"envoyd/internal/reading"
)

// appendText appends a JSON string.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
			return append(b, marshal(s)...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// marshal encodes what cannot fail: strings and structs of ours.
func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("mqtt: " + err.Error())
	}
	return b
}

// object builds a flat JSON object by hand: the power message is made for
// each measurement, and the state has values (null, fixed decimals) that
// struct tags cannot say.
type object []byte

// key begins a member; the caller appends the value.
func (o object) key(name string) object {
	if len(o) == 0 {
		o = append(o, '{')
	} else {
		o = append(o, ',')
	}
	o = append(o, '"')
	o = append(o, name...)
	return append(o, '"', ':')
}

func (o object) end() []byte {
	if len(o) == 0 {
		return []byte("{}")
	}
	return append(o, '}')
}

// powerPayload is what steering programs read: the power object with time,
// source and quality.
func powerPayload(r *reading.Reading) []byte {
	o := make(object, 0, 224)
	for _, f := range r.Power.Fields() {
		if f.Value.Known() {
			o = f.Value.Append(o.key(f.Name))
		}
	}
	o = appendTime(o.key("time"), r.Time)
	o = appendText(o.key("source"), string(r.Source))
	o = appendText(o.key("quality"), string(r.Quality))
	return o.end()
}

// energyPayload holds both sets of counters in Wh, and up to when they tell: at
// night, and between two reports of the inverters, power is older.
func energyPayload(r *reading.Reading) []byte {
	at := r.Counted
	if at.IsZero() {
		at = r.Time
	}
	return marshal(struct {
		Energy reading.Energy `json:"energy"`
		Today  reading.Energy `json:"today"`
		Time   time.Time      `json:"time,omitzero"`
	}{r.Energy, r.Today, at.UTC()})
}

// statePayload writes the announced keys, null where one is unknown now.
func statePayload(fields []stateField, keys map[string]string, v *view) []byte {
	o := make(object, 0, 1024)
	for _, f := range fields {
		if _, announced := keys[f.key]; !announced {
			continue
		}
		o = o.key(f.key)
		n := len(o)
		if o = f.write(o, v); len(o) == n {
			o = append(o, "null"...)
		}
	}
	return o.end()
}

// gatewayPayload says who the gateway is and how it is asked. A quantity that
// is unknown is left out.
func gatewayPayload(r *reading.Reading, f GatewayFacts) []byte {
	g := struct {
		Serial       string    `json:"serial,omitempty"`
		Name         string    `json:"name,omitempty"`
		Firmware     string    `json:"firmware,omitempty"`
		PartNumber   string    `json:"part_number,omitempty"`
		Address      string    `json:"address,omitempty"`
		Zone         string    `json:"timezone,omitempty"`
		Source       string    `json:"source,omitempty"`
		TokenExpires time.Time `json:"token_expires,omitzero"`
		LatencyMs    int64     `json:"latency_ms,omitzero"`
	}{
		first(r.Serial, f.Serial), first(r.Name, f.Name), first(r.Firmware, f.Firmware), f.PartNumber, f.Address, f.Zone,
		string(r.Source), f.TokenExpires.Truncate(time.Second), f.Latency.Round(time.Millisecond).Milliseconds(),
	}
	if !g.TokenExpires.IsZero() {
		g.TokenExpires = g.TokenExpires.UTC()
	}
	return marshal(g)
}

// withNulls adds the announced keys that an element's payload lacks, so that
// Home Assistant shows them as unknown rather than as they last were.
func withNulls(payload []byte, components []component, keys map[string]string, known map[string]bool) []byte {
	for _, c := range components {
		if _, announced := keys[c.key]; !announced || known[c.key] {
			continue
		}
		payload = append(object(payload[:len(payload)-1]).key(c.path()), "null}"...)
	}
	return payload
}

// first returns the first text that is not empty.
func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
