import os

from django.core.wsgi import get_wsgi_application

from payments_project.bodies import WholeBodies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "payments_project.settings")

application = WholeBodies(get_wsgi_application())
