package mqtt

import (
	"maps"
	"strings"
)

// document is a discovery document: one device and its entities. Home
// Assistant refuses it whole for one null or one unknown key outside cmps,
// silently, hence omitempty everywhere and a validator in the tests.
type document struct {
	Dev      hardware       `json:"dev"`
	Origin   origin         `json:"o"`
	Avty     []availability `json:"avty"`
	AvtyMode string         `json:"avty_mode"`
	StateT   string         `json:"stat_t"`
	QoS      byte           `json:"qos"`
	Cmps     map[string]any `json:"cmps"` // entity or removal
}

type hardware struct {
	IDs  []string `json:"ids"`
	Name string   `json:"name"`
	Mf   string   `json:"mf"`
	Mdl  string   `json:"mdl,omitempty"`
	MdlI string   `json:"mdl_id,omitempty"`
	SN   string   `json:"sn,omitempty"`
	SW   string   `json:"sw,omitempty"`
	CU   string   `json:"cu,omitempty"`
	Via  string   `json:"via_device,omitempty"`
}

type origin struct {
	Name string `json:"name"`
	SW   string `json:"sw,omitempty"`
}

type availability struct {
	T string `json:"t"`
}

// entity is one component of a document.
type entity struct {
	P         string         `json:"p"`
	UniqID    string         `json:"uniq_id"`
	Name      *string        `json:"name"` // null is the device's name alone
	DevCla    string         `json:"dev_cla,omitempty"`
	StatCla   string         `json:"stat_cla,omitempty"`
	Unit      string         `json:"unit_of_meas,omitempty"`
	Digits    *int           `json:"sug_dsp_prc,omitempty"`
	Options   []string       `json:"ops,omitempty"`
	Category  string         `json:"ent_cat,omitempty"`
	Icon      string         `json:"ic,omitempty"`
	Enabled   *bool          `json:"en,omitempty"`
	PayloadOn string         `json:"pl_on,omitempty"`
	PayloadNo string         `json:"pl_off,omitempty"`
	StateT    string         `json:"stat_t,omitempty"` // only where it is not the device's
	Avty      []availability `json:"avty,omitempty"`
	Template  string         `json:"val_tpl"`
}

// removal is a component that Home Assistant is to forget.
type removal struct {
	P string `json:"p"`
}

// author writes the documents of one gateway.
type author struct {
	topics  topics
	names   string
	version string
	gateway string
	memory  *gatewayMemory
}

// gatewayDocument is the gateway's own: what state holds, and its meters.
func (a *author) gatewayDocument(facts GatewayFacts) document {
	g := a.memory
	name := first(g.Name, facts.Name)
	if serial := first(g.Serial, facts.Serial, a.gateway); a.names == NamesNative || name == "" {
		name = "Envoy " + serial
	}
	d := a.document(hardware{
		IDs: []string{identity(a.gateway)}, Name: name, Mf: "Enphase", Mdl: "IQ Gateway",
		MdlI: facts.PartNumber, SN: first(g.Serial, facts.Serial, a.gateway), SW: first(g.Firmware, facts.Firmware), CU: webAddress(facts.Address),
	}, a.topics.of(a.gateway, "state"))
	own := g.thing("")
	a.describe(d, gatewayComponents(), own, "", "")
	for _, id := range sortedThings(g.Things, kindMeter) {
		a.describe(d, componentsOf(id), g.Things[id], meterPrefix(id), a.topics.of(a.gateway, id))
	}
	for key, platform := range own.Drop {
		d.Cmps[key] = removal{platform}
	}
	return d
}

// thingDocument is that of an inverter, a battery or a controller.
func (a *author) thingDocument(id string) document {
	kind, serial, _ := strings.Cut(id, "/")
	t := a.memory.thing(id)
	model, plain, native := modelOf(kind, t.Kind)
	if a.names == NamesNative {
		plain = native
	}
	d := a.document(hardware{
		IDs: []string{identity(serial)}, Name: plain + " " + serial, Mf: "Enphase", Mdl: model, SN: serial, Via: identity(a.gateway),
	}, a.topics.of(a.gateway, id))
	for _, c := range componentsOf(id) {
		if _, announced := t.Keys[c.key]; announced {
			d.Cmps[c.key] = a.entity(c, identity(serial)+"_"+c.key)
		}
	}
	for key, platform := range t.Drop {
		d.Cmps[key] = removal{platform}
	}
	return d
}

func (a *author) document(dev hardware, stateTopic string) document {
	return document{
		Dev:    dev,
		Origin: origin{Name: "envoyd", SW: a.version},
		// All of them: after a crash only the first one says offline.
		Avty:     []availability{{a.topics.status()}, {a.topics.of(a.gateway, "status")}},
		AvtyMode: "all",
		StateT:   stateTopic,
		QoS:      1,
		Cmps:     map[string]any{},
	}
}

// describe adds the announced components of a part of the gateway.
func (a *author) describe(d document, components []component, t *thing, prefix, stateTopic string) {
	for _, c := range components {
		if _, announced := t.Keys[c.key]; !announced {
			continue
		}
		e := a.entity(c, identity(a.gateway)+"_"+prefix+c.key)
		e.StateT = stateTopic
		d.Cmps[prefix+c.key] = e
	}
}

func (a *author) entity(c component, uniqueID string) entity {
	e := entity{
		P: c.on(), UniqID: uniqueID, Name: c.name(a.names), DevCla: c.class, StatCla: c.state, Unit: c.unit,
		Options: c.options, Category: c.category, Icon: c.icon, Template: "{{ value_json." + c.path() + " }}",
	}
	if c.digits != 0 {
		digits := max(c.digits, 0)
		e.Digits = &digits
	}
	if c.off {
		enabled := false
		e.Enabled = &enabled
	}
	if c.on() == binarySensor {
		e.PayloadOn, e.PayloadNo = "True", "False" // as a template prints JSON's true and false
	}
	if c.always {
		e.Avty = []availability{{a.topics.status()}}
	}
	return e
}

// meterPrefix begins the keys of a meter's components: <kind>_<phase>_. The
// aggregate's phase is empty, and its underscore stays, or the production CT's
// power would take the name of the site's production_power.
func meterPrefix(id string) string {
	_, rest, _ := strings.Cut(id, "/")
	kind, phase, _ := strings.Cut(rest, "/")
	return kind + "_" + phase + "_"
}

// webAddress passes only what Home Assistant takes as a link; anything else
// would cost the whole document.
func webAddress(address string) string {
	if strings.HasPrefix(address, "https://") || strings.HasPrefix(address, "http://") {
		return address
	}
	return ""
}

// dropped clears the removals that a document carried.
func (t *thing) dropped(keys map[string]string) {
	maps.DeleteFunc(t.Drop, func(key, _ string) bool { _, said := keys[key]; return said })
	if len(t.Drop) == 0 {
		t.Drop = nil
	}
}
