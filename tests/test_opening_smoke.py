def test_opens_what_went_in(world):
    world.ingest(
        "+33612345678,+33698765432,2016-09-01 10:00:00,60\n0698765432,0612345678,2016-09-02 11:00:00,5\nanonymous,0612345678,2016-09-02 12:00:00,0\n"
    )
    answer = world.open(world.authorize())
    assert answer.records_csv.decode().splitlines() == [
        "subject,kind,direction,peer,start_utc,duration_s,answered,cell,repeat",
        "tel:+33612345678,call,out,tel:+33698765432,2016-09-01T10:00:00Z,60,true,,",
        "tel:+33612345678,call,in,tel:+33698765432,2016-09-02T11:00:00Z,5,true,,",
        "tel:+33612345678,call,in,,2016-09-02T12:00:00Z,0,false,,",
    ]
    assert {cell.status for cell in answer.cells} == {"complete"}
