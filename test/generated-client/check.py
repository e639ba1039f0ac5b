"""Asks a server with the client that was generated from its OpenAPI document."""

import sys

from client import AuthenticatedClient
from client.api.trips import get_trip, list_trips
from client.models import Error, Trip, TripStatus

url, token = sys.argv[1:]
asker = AuthenticatedClient(base_url=url, token=token)

trip = get_trip.sync("trip-1", client=asker)
assert isinstance(trip, Trip), trip
assert (trip.trip_id, trip.status, trip.final_fare) == ("trip-1", TripStatus.COMPLETED, 13.75), trip

missing = get_trip.sync_detailed("nobody", client=asker)
assert missing.status_code == 404 and isinstance(missing.parsed, Error), missing
assert missing.parsed.error.code == "NOT_FOUND", missing

page = list_trips.sync(client=asker, limit=10)
assert [row.trip_id for row in page.rows] == ["trip-1"] and page.next_cursor is None, page

refused = get_trip.sync_detailed("trip-1", client=AuthenticatedClient(base_url=url, token="wrong-token"))
assert refused.status_code == 401, refused
print("the generated client answers as the server does")
