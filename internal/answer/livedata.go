package answer

// LiveData is /ivp/livedata/status: all flows of one moment, refreshed each
// second while the stream is enabled and frozen otherwise.
type LiveData struct {
	// Streaming says whether the gateway refreshes the meters at present.
	Streaming bool
	Updated   Epoch
	SoCPct    Num
	PV        LiveFlow
	Storage   LiveFlow
	Grid      LiveFlow
	Load      LiveFlow
	Generator LiveFlow
}

// LiveFlow is one flow in milliwatts: positive while generating, discharging,
// importing, consuming.
type LiveFlow struct {
	PowerMW Num `json:"agg_p_mw"`
}

// ParseLiveData parses /ivp/livedata/status.
func ParseLiveData(body []byte) (LiveData, error) {
	var l struct {
		Connection struct {
			Stream Text `json:"sc_stream"`
		} `json:"connection"`
		Meters *struct {
			Updated   Epoch    `json:"last_update"`
			SoCPct    Num      `json:"soc"`
			PV        LiveFlow `json:"pv"`
			Storage   LiveFlow `json:"storage"`
			Grid      LiveFlow `json:"grid"`
			Load      LiveFlow `json:"load"`
			Generator LiveFlow `json:"generator"`
		} `json:"meters"`
	}
	if err := decode(body, '{', &l); err != nil {
		return LiveData{}, err
	}
	if l.Meters == nil {
		return LiveData{}, ErrShape
	}
	m := l.Meters
	return LiveData{
		Streaming: l.Connection.Stream == StateEnabled,
		Updated:   m.Updated, SoCPct: m.SoCPct,
		PV: m.PV, Storage: m.Storage, Grid: m.Grid, Load: m.Load, Generator: m.Generator,
	}, nil
}
