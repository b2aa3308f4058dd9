package answer

// Home is /home.json (and /home from firmware 7 on): the status page of the
// gateway's own user interface, of which we take the time zone and the health
// of its links.
type Home struct {
	// Timezone is an IANA name such as "US/Central".
	Timezone Text `json:"timezone"`
	Network  struct {
		// WebComm says whether the gateway reaches Enphase's cloud.
		WebComm Flag `json:"web_comm"`
		// LastReport is when it last reported there.
		LastReport Epoch `json:"last_enlighten_report_time"`
	} `json:"network"`
	Comm struct {
		PCU struct {
			Count Num `json:"num"`
			Level Num `json:"level"` // 0…5
		} `json:"pcu"`
	} `json:"comm"`
}

// ParseHome parses /home.json. An answer without a network section is another page.
func ParseHome(body []byte) (Home, error) {
	var members struct {
		Network *struct{} `json:"network"`
		Zone    *Text     `json:"timezone"`
	}
	if err := decode(body, '{', &members); err != nil {
		return Home{}, err
	}
	if members.Network == nil && members.Zone == nil {
		return Home{}, ErrShape
	}
	var h Home
	err := decode(body, '{', &h)
	return h, err
}
