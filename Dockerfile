# One image for every process of the Procfile:
#   docker build -t wotnot .
#   docker run --env-file .env wotnot release
#   docker run --env-file .env -p 8000:8000 wotnot web
FROM python:3.11-slim-bookworm AS build
WORKDIR /app
RUN python -m venv /venv
ENV PATH=/venv/bin:$PATH
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
COPY package.json package-lock.json .npmrc ./
COPY bin/vendor bin/
RUN python bin/vendor

FROM python:3.11-slim-bookworm
RUN useradd --system --user-group --uid 10001 --no-create-home wotnot && install -d -o wotnot -g wotnot /data /data/storage /data/journal
WORKDIR /app
COPY --from=build /venv /venv
COPY Procfile gunicorn.conf.py wsgi.py ./
COPY bin/process bin/healthy bin/
COPY migrations migrations
COPY wotnot wotnot
COPY --from=build /app/wotnot/static/vendor wotnot/static/vendor
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 STORAGE_PATH=/data/storage JOURNAL_PATH=/data/journal
USER 10001:10001
VOLUME /data
EXPOSE 8000
HEALTHCHECK --start-period=30s --interval=15s --timeout=5s CMD ["bin/healthy"]
ENTRYPOINT ["bin/process"]
CMD ["web"]
